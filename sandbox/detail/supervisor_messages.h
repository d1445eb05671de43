// What the daemon and its supervisor say to each other (docs/ARCHITECTURE.md, "Two processes").
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "sandbox/container.h"
#include "sandbox/foreign_trees.h"
#include "sandbox/supervisor.h"

namespace sandbox {

/// Most that one message has; what a command prints comes in pieces.
inline constexpr std::size_t kMaxMessage = 8u << 20;

/// Most that a time in a message is; what is longer means for ever. Added to a time of a clock it does not
/// overflow.
inline constexpr std::chrono::seconds kMaxTime = std::chrono::hours(24) * 366 * 100;

/// RunOptions, as far as they are values.
struct RunTimes {
  std::chrono::seconds timeout{0};
  std::chrono::seconds idleTimeout{0};
  std::chrono::milliseconds killGrace{0};
};

// One struct for each call of ContainerRuntime that needs the supervisor.
struct RunCall {
  ContainerSpec spec;
  RunTimes times;
};
struct StartCall {
  ContainerSpec spec;
  std::filesystem::path logFile;
};
/// Its descriptors come with the message: the input first, then the terminal.
struct ExecCall {
  std::string id;
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> environment;
  bool hasInput = false;
  bool hasTerminal = false;
  RunTimes times;
};
struct StatusCall {
  std::string id;
};
struct SignalCall {
  std::string id;
  int number = 0;
};
struct HoldCall {
  std::string id;
};
struct ResumeCall {
  std::string id;
};
struct RemoveCall {
  std::string id;
};
struct ListCall {};
struct GroupsCall {
  std::vector<NetworkGroup> groups;
};
struct UsageCall {
  std::string id;
};
struct WrittenCall {
  std::string id;
};
struct UnlinkedCall {
  std::string id;
  dev_t device = 0;
};

// One for each of ForeignTrees and HostPrograms.
struct GiveCall {
  std::filesystem::path path;
  TreeOwner owner;
  bool whole = false;
};
struct TakeBackCall {
  std::filesystem::path path;
  bool whole = false;
};
struct RemoveTreeCall {
  std::filesystem::path path;
};
struct MergeCall {
  std::filesystem::path changes;
  std::filesystem::path kept;
  std::filesystem::path trash;
};
struct DiskBytesCall {
  std::filesystem::path path;
};
/// With the terminal's descriptor.
struct GiveTerminalCall {
  TreeOwner owner;
};
/// With that of the tar.
struct UnpackLayerCall {
  std::filesystem::path folder;
};
/// With that of its output; a pidfd comes with the answer.
struct StartProgramCall {
  std::string name;
};
struct SignalProgramCall {
  std::string name;
  pid_t pid = 0;
  int number = 0;
};
/// With those of its output and its log.
struct RunProgramCall {
  std::string name;
};
/// The file's descriptor comes with the answer.
struct OpenFileCall {
  std::filesystem::path path;
};

using Call = std::variant<RunCall, StartCall, ExecCall, StatusCall, SignalCall, HoldCall, ResumeCall,
                          RemoveCall, ListCall, GroupsCall, UsageCall, WrittenCall, UnlinkedCall, GiveCall,
                          TakeBackCall, RemoveTreeCall, MergeCall, DiskBytesCall, GiveTerminalCall,
                          UnpackLayerCall, StartProgramCall, SignalProgramCall, RunProgramCall, OpenFileCall>;

std::string encodeCall(const Call& call);
/// Throws Error(invalidArgument) for whatever encodeCall() does not write: ids by their pattern, texts
/// without a zero byte, paths that are absolute and short, numbers within what they can mean.
Call decodeCall(std::string_view bytes);

struct Done {};
struct Failure {
  base::Errc code = base::Errc::internal;
  std::string text;
};
/// When it runs, two descriptors come with the message: pidfds of its first process and of its monitor, the
/// second only while that is there.
struct StatusAnswer {
  std::optional<ContainerStatus> status;
};
struct IdsAnswer {
  std::vector<std::string> ids;
};
struct BytesAnswer {
  std::uint64_t bytes = 0;
};
struct PidAnswer {
  pid_t pid = 0;
};
/// The first of all: containers can be made.
struct ReadyAnswer {
  std::string description;
  std::uint32_t userNamespaceBase = 0;
};

using Answer = std::variant<Done, Failure, RunResult, RunningContainer, StatusAnswer, IdsAnswer,
                            ContainerUsage, BytesAnswer, PidAnswer, ReadyAnswer>;

std::string encodeAnswer(const Answer& answer);
/// Throws as decodeCall() does.
Answer decodeAnswer(std::string_view bytes);

std::string encodeSettings(const SupervisorSettings& settings);
SupervisorSettings decodeSettings(std::string_view bytes);

}  // namespace sandbox
