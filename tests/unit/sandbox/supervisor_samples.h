// One message of each kind that a daemon sends to its supervisor, with every field set. None of them makes
// anything: their layers do not exist.
#pragma once

#include <vector>

#include "sandbox/detail/supervisor_messages.h"

namespace sandbox_test {

inline sandbox::ContainerSpec sampleSpec() {
  sandbox::ContainerSpec spec;
  spec.id = "sample-1";
  spec.layers = {"/tmp/fairlead-no-such-layer", "/tmp/fairlead-no-other"};
  spec.argv = {"/bin/sh", "-c", "echo hello"};
  spec.environment = {{"PATH", "/bin"}, {"ODD", "a=b \"c\"\n"}};
  spec.workingDirectory = "/app";
  spec.uid = 1001;
  spec.gid = 1002;
  spec.hostname = "web-1";
  spec.mounts = {{.source = "/tmp/fairlead-no-such-folder", .target = "/mnt", .readOnly = false},
                 {.source = "/tmp/fairlead-no-such-cache",
                  .target = "/cache",
                  .readOnly = false,
                  .changes = "/tmp/fairlead-no-such-changes"}};
  spec.limits = {.memoryBytes = 1u << 30,
                 .cpus = 0.5,
                 .cpuWeight = 25,
                 .pids = 100,
                 .tmpBytes = 1u << 20,
                 .fileBytes = 1u << 21};
  spec.filter =
      sandbox::NetworkFilter{{{.name = "*.example.org", .port = 443}, {.name = "192.0.2.1", .port = 0}}};
  spec.networkGroup = "hello";
  spec.readOnlyRoot = true;
  return spec;
}

inline std::vector<sandbox::Call> sampleCalls() {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  const sandbox::RunTimes times{seconds(900), seconds(60), milliseconds(10'000)};
  sandbox::ContainerSpec started = sampleSpec();
  started.filter.reset();
  return {sandbox::RunCall{sampleSpec(), times},
          sandbox::StartCall{started, "/tmp/fairlead-no-such-folder/log"},
          sandbox::ExecCall{.id = "sample-1",
                            .argv = {"ls", "-l"},
                            .environment = {{"TERM", "xterm"}},
                            .hasInput = true,
                            .hasTerminal = true,
                            .times = times},
          sandbox::StatusCall{"sample-1"},
          sandbox::SignalCall{"sample-1", 15},
          sandbox::HoldCall{"sample-1"},
          sandbox::ResumeCall{"sample-1"},
          sandbox::RemoveCall{"sample-1"},
          sandbox::ListCall{},
          sandbox::GroupsCall{{{"one", {{"sample-1", {"web", "web-1"}}, {"sample-2", {}}}}, {}}},
          sandbox::UsageCall{"sample-1"},
          sandbox::WrittenCall{"sample-1"},
          sandbox::UnlinkedCall{"sample-1", 0x801},
          sandbox::GiveCall{"/tmp/fairlead-no-such-tree/a", {.uid = 1000, .gid = 1001}, true},
          sandbox::TakeBackCall{"/tmp/fairlead-no-such-tree/a", true},
          sandbox::RemoveTreeCall{"/tmp/fairlead-no-such-tree/a"},
          sandbox::MergeCall{"/tmp/fairlead-no-such-tree/a", "/tmp/fairlead-no-such-tree/b",
                             "/tmp/fairlead-no-such-tree/c"},
          sandbox::DiskBytesCall{"/tmp/fairlead-no-such-tree/a"},
          sandbox::GiveTerminalCall{{.uid = 1000, .gid = 1001}},
          sandbox::UnpackLayerCall{"/tmp/fairlead-no-such-tree/a"},
          sandbox::StartProgramCall{"no-such-program"},
          sandbox::SignalProgramCall{"no-such-program", 1, 15},
          sandbox::RunProgramCall{"no-such-program"},
          sandbox::OpenFileCall{"/tmp/fairlead-no-such-file"}};
}

}  // namespace sandbox_test
