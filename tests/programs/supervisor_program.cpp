// The supervisor without the rest of the product: what the tests of sandbox/ start.
#include "sandbox/supervisor.h"

#include <string>

#include "base/error.h"

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "unpack-layer") return sandbox::unpackLayerHere();
  const auto programs = [](const std::string& name) -> sandbox::HostProgram {
    throw base::Error(base::Errc::notFound, "there is no program " + name);
  };
  return sandbox::superviseContainers(programs, {"/proc/self/exe", "unpack-layer"});
}
