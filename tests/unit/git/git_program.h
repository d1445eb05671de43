// The real git as a test's tool: makes what is read, reads what was made.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/child_process.h"
#include "base/strings.h"

namespace git::testing {

/// Runs git in a folder, with no settings but its own and always the same names and dates. A command that
/// fails fails the test.
class GitProgram {
 public:
  explicit GitProgram(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// Standard output without the newline at its end.
  std::string operator()(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "git");
    return output(tryRun(arguments));
  }
  std::string shell(const std::string& script) const { return output(tryRun({"sh", "-ec", script})); }
  base::CommandOutput tryRun(const std::vector<std::string>& argv) const {
    base::CommandOptions options;
    options.workingDirectory = folder_.string();
    options.environment = environment();
    return base::runCommand(argv, options);
  }
  const std::filesystem::path& folder() const { return folder_; }
  std::vector<std::string> extraEnvironment;

 private:
  std::vector<std::string> environment() const {
    std::vector<std::string> variables = {"PATH=/usr/bin:/bin",
                                          "HOME=" + folder_.string(),
                                          "GIT_CONFIG_NOSYSTEM=1",
                                          "GIT_CONFIG_COUNT=2",
                                          "GIT_CONFIG_KEY_0=init.defaultBranch",
                                          "GIT_CONFIG_VALUE_0=main",
                                          "GIT_CONFIG_KEY_1=protocol.file.allow",
                                          "GIT_CONFIG_VALUE_1=always",
                                          "GIT_AUTHOR_NAME=A",
                                          "GIT_AUTHOR_EMAIL=a@example.com",
                                          "GIT_COMMITTER_NAME=C",
                                          "GIT_COMMITTER_EMAIL=c@example.com"};
    variables.insert(variables.end(), extraEnvironment.begin(), extraEnvironment.end());
    return variables;
  }
  static std::string output(const base::CommandOutput& result) {
    EXPECT_TRUE(result.status.ok()) << result.err;
    return std::string(base::trim(result.out));
  }

  std::filesystem::path folder_;
};

}  // namespace git::testing
