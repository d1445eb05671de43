// sandbox_bench FOLDER ROOT ROUNDS [network|filter]: runs a shell in a container of its own ROUNDS times over
// the unpacked image ROOT and prints, a line each, the milliseconds from run() to the script's first output
// and to run()'s return. FOLDER is the runtime's.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "sandbox/oci_runtime.h"

namespace {

using Steady = std::chrono::steady_clock;

class FirstByte : public base::ByteSink {
 public:
  void write(std::string_view) override {
    if (at == Steady::time_point{}) at = Steady::now();
  }
  Steady::time_point at;
};

double milliseconds(Steady::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

void run(int argc, char** argv) {
  base::configureLogging("error");
  const base::SystemClock clock;
  const auto runtime = sandbox::makeOciRuntime({.folder = argv[1]}, clock);
  const std::string mode = argc > 4 ? argv[4] : "";
  sandbox::ContainerSpec spec;
  spec.layers = {argv[2]};
  spec.argv = {"/bin/sh", "-c", "echo started"};
  spec.environment = {{"PATH", "/usr/bin:/bin"}};
  spec.network = mode == "network" || mode == "filter";
  if (mode == "filter") spec.filter = {.hosts = {{.name = "example.org", .port = 0}}};
  spec.readOnlyRoot = true;
  // One that stays, as on a server that runs something: the bridge is there already.
  sandbox::ContainerSpec stays = spec;
  stays.id = "stays";
  stays.network = true;
  stays.filter.reset();
  stays.argv = {"/bin/sleep", "1000"};
  for (const std::string& id : runtime->list())
    runtime->remove(id);
  runtime->start(stays, std::string(argv[1]) + "/stays.log");
  for (int i = 0; i < std::atoi(argv[3]); ++i) {
    spec.id = "bench-" + std::to_string(i);
    FirstByte sink;
    const auto start = Steady::now();
    const auto result = runtime->run(spec, sink, {});
    const auto end = Steady::now();
    if (!result.status.ok()) std::fprintf(stderr, "it ended with %s\n", result.status.describe().c_str());
    std::printf("%.1f %.1f\n", milliseconds(sink.at - start), milliseconds(end - start));
  }
  runtime->remove(stays.id);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: sandbox_bench FOLDER ROOT ROUNDS [network|filter]\n");
    return 2;
  }
  try {
    run(argc, argv);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sandbox_bench: %s\n", error.what());
    return 1;
  }
}
