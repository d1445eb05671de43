// A server that answers what it is told to, on a unix socket of its own.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/http.h"
#include "base/strings.h"
#include "cli/detail/surroundings.h"
#include "tests/support/temp_folder.h"

namespace cli::testing {

class TextSink : public base::ByteSink {
 public:
  void write(std::string_view bytes) override { text += bytes; }
  std::string text;
};

/// Answers POST /fairlead/commands with `status` and `lines`, a GET of a path in `files` with its bytes, and
/// POST /sources with one that takes any PUT. Thread-safe once started.
class ScriptedServer {
 public:
  explicit ScriptedServer(const std::filesystem::path& folder) {
    server_ = base::HttpServer::onUnix(folder / "fairlead.sock", [this](const base::HttpRequest&) {
      return base::makeHandler(
          [this](base::HttpRequest& request, base::HttpResponse& response) { answer(request, response); });
    });
  }

  int status = 200;
  std::string lines = "{\"exit\":0}\n";
  std::map<std::string, std::string> files;
  std::string etag;

  /// What was PUT, by path and query.
  std::vector<std::pair<std::string, std::string>> puts() {
    const std::lock_guard lock(mutex_);
    return puts_;
  }
  std::vector<std::string> bodies() {
    const std::lock_guard lock(mutex_);
    return bodies_;
  }

 private:
  void answer(base::HttpRequest& request, base::HttpResponse& response) {
    if (request.getMethod() == "GET") {
      if (!etag.empty()) response.set("ETag", "\"" + etag + "\"");
      const auto file = files.find(request.getURI());
      if (file == files.end()) throw base::Error(base::Errc::notFound, "no such slug");
      return base::sendBody(request, response, 200, "application/octet-stream", file->second);
    }
    if (request.getMethod() == "PUT") {
      std::string body = base::readBody(request, 16u << 20, "test");
      {
        const std::lock_guard lock(mutex_);
        puts_.emplace_back(request.getURI(), std::move(body));
      }
      if (status != 200) return base::sendJson(request, response, status, lines);
      return base::sendBody(request, response, 200, "text/plain", "");
    }
    if (request.getURI() == "/sources")
      return base::sendJson(
          request, response, 201,
          R"({"source_blob": {"get_url": "http://x/sources/1?g", "put_url": "http://x/sources/1?p"}})");
    {
      const std::lock_guard lock(mutex_);
      bodies_.push_back(base::readBody(request, 1u << 20, "test"));
    }
    if (status != 200) return base::sendJson(request, response, status, lines);
    response.setChunkedTransferEncoding(true);
    response.setContentType("application/x-ndjson");
    auto& out = response.send();
    for (const auto& line : base::split(lines, '\n')) {
      if (!line.empty()) out << line << '\n' << std::flush;
    }
  }

  std::mutex mutex_;
  std::vector<std::string> bodies_;
  std::vector<std::pair<std::string, std::string>> puts_;
  std::unique_ptr<base::HttpServer> server_;  // last: its threads use what is above
};

/// Surroundings in a folder of the test's own, with the data folder in FAIRLEAD_DATA.
struct Scene {
  Scene() {
    std::filesystem::create_directories(folder / "home/.ssh");
    std::filesystem::create_directories(folder / "data");
    std::filesystem::create_directories(folder / "work");
    surroundings.environment = {{"HOME", (folder / "home").string()},
                                {"FAIRLEAD_DATA", (folder / "data").string()}};
    surroundings.currentFolder = folder / "work";
    surroundings.readInput = [this](std::size_t) { return input; };
    surroundings.readSecret = [this](const std::string&) { return input; };
    surroundings.out = &out;
    surroundings.err = &err;
  }

  int run(const std::vector<std::string>& args) { return detail::runIn(surroundings, args); }

  testing_support::TempFolder folder;
  TextSink out;
  TextSink err;
  std::string input;
  detail::Surroundings surroundings;
};

}  // namespace cli::testing
