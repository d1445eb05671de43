// The scripts around a buildpack's, run by this machine's bash.
#include "builder/detail/phase_scripts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/child_process.h"
#include "base/http.h"
#include "base/strings.h"
#include "base/tcp_listener.h"
#include "tests/support/temp_folder.h"

namespace builder::detail {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// An app with a submodule whose repository is served over HTTP.
class SubmoduleTest : public testing::Test {
 protected:
  SubmoduleTest() {
    folder_.write("served/lib/code.rb", "puts 1\n");
    git({"init", "-q", "-b", "main", "."});
    git({"add", "-A"});
    git({"-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "-m", "first"});
    commit_ = std::string(base::trim(git({"rev-parse", "HEAD"})));
    git({"update-server-info"});
    server_ = base::HttpServer::onTcp(base::listenTcp("127.0.0.1:0", "test"), [this](const base::HttpRequest&) {
      return base::makeHandler([this](base::HttpRequest& in, base::HttpResponse& out) {
        const std::string path = in.getURI().substr(0, in.getURI().find('?'));
        base::sendFile(in, out, folder_.path() / ("served" + path), "text/plain", "t");
      });
    });
    fs::create_directories(folder_ / "app/sub/lib");
  }

  std::string git(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "git");
    return base::mustRun(arguments, {.workingDirectory = folder_ / "served/lib"});
  }

  void gitmodules(const std::string& url) {
    folder_.write("app/.gitmodules", "[submodule \"a b\"]\n\tpath = sub/lib\n\turl = " + url + "\n");
  }

  base::CommandOutput fetch(const std::string& commit) {
    return base::runCommand({"bash", "-c", kFetchSubmodulesScript, "submodules", "sub/lib", commit},
                            {.workingDirectory = folder_ / "app"});
  }

  const testing_support::TempFolder folder_;
  std::string commit_;
  std::unique_ptr<base::HttpServer> server_;
};

TEST_F(SubmoduleTest, FillsTheFolderAndLeavesNoRepository) {
  gitmodules("http://" + server_->address() + "/lib/.git");
  const auto result = fetch(commit_);
  EXPECT_TRUE(result.status.ok()) << result.out << result.err;
  EXPECT_EQ(folder_.read("app/sub/lib/code.rb"), "puts 1\n");
  EXPECT_FALSE(fs::exists(folder_ / "app/sub/lib/.git"));
}

TEST_F(SubmoduleTest, SaysWhichOneCannotBeHad) {
  gitmodules("http://" + server_->address() + "/gone/.git");
  auto result = fetch(commit_);
  EXPECT_FALSE(result.status.ok());
  EXPECT_THAT(result.out, HasSubstr("The submodule sub/lib could not be fetched from http://"));

  fs::remove_all(folder_ / "app/sub/lib");
  gitmodules("http://" + server_->address() + "/lib/.git");
  result = fetch(std::string(40, 'a'));
  EXPECT_FALSE(result.status.ok());
  EXPECT_THAT(result.out, HasSubstr("The submodule sub/lib has no commit aaaa"));
}

TEST_F(SubmoduleTest, TakesNoOtherProtocolAndNoCommand) {
  for (const std::string url : {"ext::touch x", "file:///etc", "../lib.git", "-uupload", "git@host:x"}) {
    gitmodules(url);
    const auto result = fetch(commit_);
    EXPECT_FALSE(result.status.ok()) << url;
    EXPECT_THAT(result.out, HasSubstr("write it as a whole https URL")) << url;
  }
  fs::remove(folder_ / "app/.gitmodules");
  EXPECT_THAT(fetch(commit_).out, HasSubstr("There is no .gitmodules"));
}

}  // namespace
}  // namespace builder::detail
