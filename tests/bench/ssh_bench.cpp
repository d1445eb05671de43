// ssh_bench FOLDER KEY.pub: the SSH server over FOLDER/repos/*.git with a layer above it that builds nothing:
// every push is accepted at once. Prints the port; ends with its standard input. `stats` on standard input
// prints the CPU seconds so far and the private bytes (Pss) of the process.
#include <sys/resource.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "base/heap.h"
#include "gitd/repository.h"
#include "gitd/ssh_server.h"

namespace {

class AcceptingHandler : public gitd::PushHandler {
 public:
  AcceptingHandler(std::filesystem::path repositories, std::string fingerprint)
      : repositories_(std::move(repositories)), fingerprint_(std::move(fingerprint)) {}

  std::optional<gitd::Identity> findIdentity(const std::string& fingerprint) override {
    if (fingerprint != fingerprint_) return std::nullopt;
    return gitd::Identity{"bench", fingerprint};
  }
  std::optional<gitd::RepositoryAccess> openRepository(const gitd::Identity&,
                                                       const std::string& name) override {
    return gitd::RepositoryAccess{name, repositories_ / (name + ".git")};
  }
  std::optional<std::string> refuseUpdate(const gitd::Identity&, const gitd::RepositoryAccess&,
                                          const gitd::RefUpdate&) override {
    return std::nullopt;
  }
  std::optional<std::string> refuseOptions(const std::vector<std::string>&) override { return std::nullopt; }
  gitd::PushOutcome push(const gitd::PushRequest& request, base::ByteSink& output,
                         std::stop_token gone) override {
    output.write("-----> accepted\n");
    while (hold && !gone.stop_requested())
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    request.quarantine->accept();
    std::optional<std::string> oldId;
    if (!request.update.isCreate()) oldId = request.update.oldId;
    gitd::updateRef(request.repository.path, request.update.ref, oldId, request.update.newId);
    return {true, ""};
  }
  int runCommand(const gitd::Identity&, const std::vector<std::string>&, gitd::CommandStreams& streams,
                 std::stop_token) override {
    streams.out().write("ok\n");
    return 0;
  }

  std::atomic<bool> hold{false};

 private:
  const std::filesystem::path repositories_;
  const std::string fingerprint_;
};

void printStats() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  std::ifstream maps("/proc/self/smaps_rollup");
  std::string word;
  long pssKilobytes = 0;
  while (maps >> word) {
    if (word == "Pss:") maps >> pssKilobytes;
  }
  std::printf("%.4f %ld\n", seconds(used.ru_utime) + seconds(used.ru_stime), pssKilobytes * 1024);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: ssh_bench FOLDER KEY.pub\n", stderr);
    return 2;
  }
  base::keepHeapSmall();
  try {
    const std::filesystem::path folder = argv[1];
    AcceptingHandler handler(folder / "repos", gitd::parsePublicKey(base::readFile(argv[2])).fingerprint);
    base::Metrics metrics;
    gitd::SshServerConfig config;
    config.hostKeyFile = folder / "host_key";
    gitd::SshServer server(config, base::listenTcp("127.0.0.1:0", "ssh_listen"), handler, metrics);
    std::cout << server.address().substr(server.address().rfind(':') + 1) << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
      if (line == "stats") printStats();
      if (line == "hold") handler.hold = true;
      if (line == "release") handler.hold = false;
    }
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "ssh_bench: %s\n", failure.what());
    return 1;
  }
}
