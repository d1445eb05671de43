#include "sandbox/detail/supervisor_messages.h"

#include <csignal>
#include <limits>
#include <type_traits>

#include "sandbox/detail/container_folder.h"
#include "sandbox/detail/oci_bundle.h"
#include "sandbox/detail/wire.h"

namespace sandbox {
namespace {

// More than any container has; what is possible is for the runtime to say.
constexpr std::size_t kMaxLayers = 1'000;
constexpr std::size_t kMaxWords = 100'000;
constexpr std::size_t kMaxMounts = 1'000;
constexpr std::size_t kMaxHosts = 10'000;
constexpr std::size_t kMaxContainers = 100'000;
constexpr std::size_t kMaxFolders = 1'000;
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxFailure = 16u << 10;
constexpr double kMaxCpus = 1e6;
constexpr unsigned kMaxWeight = 10'000;
constexpr std::int64_t kMaxSeconds = kMaxTime.count();
constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
constexpr std::int64_t kMostSigned = std::numeric_limits<std::int64_t>::max();

/// T to read into, const T to write from.
template <typename Wire, typename T>
using Of = typename Wire::template Value<T>;

/// A value whose type is not the wire's own.
template <typename Wire, typename T, typename Raw>
void converted(Wire& wire, T& value, Raw raw, Raw least, Raw most) {
  if constexpr (std::is_const_v<T>) {
    wire.number(raw, least, most);
  } else {
    wire.number(raw, least, most);
    value = static_cast<T>(raw);
  }
}

template <typename Wire, typename Duration>
void duration(Wire& wire, Duration& value, std::int64_t most) {
  converted<Wire, Duration, std::int64_t>(wire, value, value.count(), 0, most);
}

template <typename Wire>
void id(Wire& wire, Of<Wire, std::string>& value) {
  wire.text(value, kMaxName);
  if constexpr (std::is_same_v<Wire, WireReader>) checkId(value);
}

template <typename Wire>
void moment(Wire& wire, Of<Wire, base::Time>& value) {
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  std::int64_t count = value.time_since_epoch().count();
  wire.number(count, kLeast, kMostSigned);
  if constexpr (std::is_same_v<Wire, WireReader>) value = base::Time(base::Time::duration(count));
}

template <typename Wire>
void pairs(Wire& wire, Of<Wire, std::vector<std::pair<std::string, std::string>>>& value) {
  wire.list(value, kMaxWords, [&](auto& each) {
    wire.text(each.first);
    wire.text(each.second);
  });
}

template <typename Wire>
void texts(Wire& wire, Of<Wire, std::vector<std::string>>& value, std::size_t most) {
  wire.list(value, most, [&](auto& each) { wire.text(each); });
}

template <typename Wire>
void paths(Wire& wire, Of<Wire, std::vector<std::filesystem::path>>& value, std::size_t most) {
  wire.list(value, most, [&](auto& each) { wire.path(each); });
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, Mount>& mount) {
  wire.path(mount.source);
  wire.text(mount.target);
  wire.flag(mount.readOnly);
  bool hasChanges = !mount.changes.empty();
  wire.flag(hasChanges);
  if (hasChanges) wire.path(mount.changes);
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, Limits>& limits) {
  wire.number(limits.memoryBytes, std::uint64_t{0}, kMost);
  wire.real(limits.cpus, kMaxCpus);
  wire.number(limits.cpuWeight, 1u, kMaxWeight);
  wire.number(limits.pids, std::int64_t{-1}, kMostSigned);
  wire.number(limits.tmpBytes, std::uint64_t{0}, kMost);
  wire.number(limits.fileBytes, std::uint64_t{0}, kMost);
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, NetworkFilter>& filter) {
  wire.list(filter.hosts, kMaxHosts, [&](auto& host) {
    wire.text(host.name, kMaxName);
    wire.number(host.port, std::uint16_t{0}, std::uint16_t{0xFFFF});
  });
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, ContainerSpec>& spec) {
  id(wire, spec.id);
  paths(wire, spec.layers, kMaxLayers);
  texts(wire, spec.argv, kMaxWords);
  pairs(wire, spec.environment);
  wire.text(spec.workingDirectory);
  constexpr std::uint32_t kMaxId = 0xFFFFFFFF;
  wire.number(spec.uid, std::uint32_t{0}, kMaxId);
  wire.number(spec.gid, std::uint32_t{0}, kMaxId);
  wire.text(spec.hostname);
  wire.list(spec.mounts, kMaxMounts, [&](auto& mount) { fields(wire, mount); });
  fields(wire, spec.limits);
  wire.flag(spec.network);
  wire.text(spec.networkGroup, kMaxName);
  wire.optional(spec.filter, [&](auto& filter) { fields(wire, filter); });
  wire.flag(spec.readOnlyRoot);
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, RunTimes>& times) {
  duration(wire, times.timeout, kMaxSeconds);
  duration(wire, times.idleTimeout, kMaxSeconds);
  duration(wire, times.killGrace, kMaxSeconds * 1000);
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, RunCall>& call) {
  fields(wire, call.spec);
  fields(wire, call.times);
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, StartCall>& call) {
  fields(wire, call.spec);
  wire.path(call.logFile);
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, ExecCall>& call) {
  id(wire, call.id);
  texts(wire, call.argv, kMaxWords);
  pairs(wire, call.environment);
  wire.flag(call.hasInput);
  wire.flag(call.hasTerminal);
  fields(wire, call.times);
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, SignalCall>& call) {
  id(wire, call.id);
  wire.number(call.number, 1, SIGRTMAX);
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, UnlinkedCall>& call) {
  id(wire, call.id);
  wire.number(call.device, dev_t{0}, std::numeric_limits<dev_t>::max());
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, GroupsCall>& call) {
  wire.list(call.groups, kMaxContainers, [&](auto& group) {
    wire.text(group.name, kMaxName);
    wire.list(group.peers, kMaxContainers, [&](auto& peer) {
      id(wire, peer.id);
      wire.list(peer.names, kMaxFolders, [&](auto& name) { wire.text(name, kMaxName); });
    });
  });
}

template <typename Wire>
void fields(Wire&, Of<Wire, ListCall>&) {}

template <typename Wire>
void fields(Wire& wire, Of<Wire, TreeOwner>& owner) {
  wire.number(owner.uid, std::uint32_t{0}, kUserNamespaceSize - 1);
  wire.number(owner.gid, std::uint32_t{0}, kUserNamespaceSize - 1);
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, GiveCall>& call) {
  wire.path(call.path);
  fields(wire, call.owner);
  wire.flag(call.whole);
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, TakeBackCall>& call) {
  wire.path(call.path);
  wire.flag(call.whole);
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, MergeCall>& call) {
  wire.path(call.changes);
  wire.path(call.kept);
  wire.path(call.trash);
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, GiveTerminalCall>& call) {
  fields(wire, call.owner);
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, UnpackLayerCall>& call) {
  wire.path(call.folder);
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, SignalProgramCall>& call) {
  wire.text(call.name, kMaxName);
  wire.number(call.pid, pid_t{1}, std::numeric_limits<pid_t>::max());
  wire.number(call.number, 1, SIGRTMAX);
}

/// Calls that have a path only.
template <typename T>
concept Placed =
    std::is_same_v<T, RemoveTreeCall> || std::is_same_v<T, DiskBytesCall> || std::is_same_v<T, OpenFileCall>;

template <typename Wire, typename T>
requires Placed<std::remove_const_t<T>>
void fields(Wire& wire, T& call) {
  wire.path(call.path);
}

/// Calls that have a program's name only.
template <typename T>
concept OfProgram = std::is_same_v<T, StartProgramCall> || std::is_same_v<T, RunProgramCall>;

template <typename Wire, typename T>
requires OfProgram<std::remove_const_t<T>>
void fields(Wire& wire, T& call) {
  wire.text(call.name, kMaxName);
}

/// Calls that have an id only.
template <typename T>
concept Named =
    std::is_same_v<T, StatusCall> || std::is_same_v<T, HoldCall> || std::is_same_v<T, ResumeCall> ||
    std::is_same_v<T, RemoveCall> || std::is_same_v<T, UsageCall> || std::is_same_v<T, WrittenCall>;

template <typename Wire, typename T>
requires Named<std::remove_const_t<T>>
void fields(Wire& wire, T& call) {
  id(wire, call.id);
}

template <typename Wire>
void fields(Wire&, Of<Wire, Done>&) {}

template <typename Wire>
void fields(Wire& wire, Of<Wire, Failure>& failure) {
  constexpr int kLast = static_cast<int>(base::Errc::internal);
  converted(wire, failure.code, static_cast<int>(failure.code), 0, kLast);
  wire.text(failure.text, kMaxFailure);
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, base::ExitStatus>& status) {
  wire.number(status.code, std::numeric_limits<int>::min(), std::numeric_limits<int>::max());
  wire.number(status.signal, 0, SIGRTMAX);
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, RunResult>& result) {
  constexpr int kLast = static_cast<int>(RunResult::End::cancelled);
  converted(wire, result.end, static_cast<int>(result.end), 0, kLast);
  fields(wire, result.status);
  wire.flag(result.outOfMemory);
  wire.flag(result.containerEnded);
  duration(wire, result.ran, kMostSigned);
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, RunningContainer>& container) {
  id(wire, container.id);
  wire.text(container.address, kMaxName);
  wire.number(container.pid, pid_t{0}, std::numeric_limits<pid_t>::max());
  moment(wire, container.startedAt);
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, StatusAnswer>& answer) {
  wire.optional(answer.status, [&](auto& status) {
    wire.flag(status.running);
    fields(wire, status.exit);
    fields(wire, status.container);
    wire.flag(status.unattended);
  });
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, IdsAnswer>& answer) {
  // Folders that something else made are listed too.
  texts(wire, answer.ids, kMaxContainers);
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, ContainerUsage>& usage) {
  wire.number(usage.memoryBytes, std::uint64_t{0}, kMost);
  duration(wire, usage.cpu, kMostSigned);
  wire.number(usage.pids, std::int64_t{0}, kMostSigned);
  wire.number(usage.oomKills, std::uint64_t{0}, kMost);
  wire.number(usage.pidsRefused, std::uint64_t{0}, kMost);
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, BytesAnswer>& answer) {
  wire.number(answer.bytes, std::uint64_t{0}, kMost);
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, PidAnswer>& answer) {
  wire.number(answer.pid, pid_t{1}, std::numeric_limits<pid_t>::max());
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, HostProgram>& program) {
  texts(wire, program.argv, kMaxFolders);
  texts(wire, program.environment, kMaxFolders);
  wire.text(program.workingDirectory);
  wire.text(program.input);
  wire.optional(program.user,
                [&](auto& user) { wire.number(user, uid_t{0}, std::numeric_limits<uid_t>::max()); });
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, ReadyAnswer>& answer) {
  wire.text(answer.description);
  wire.number(answer.userNamespaceBase, std::uint32_t{0}, std::uint32_t{0xFFFFFFFF});
}

template <typename Wire>
void fields(Wire& wire, Of<Wire, SupervisorSettings>& settings) {
  wire.path(settings.runtime.folder);
  wire.text(settings.runtime.runtime);
  wire.number(settings.runtime.userNamespaceBase, std::uint32_t{0}, std::uint32_t{0xFFFFFFFF});
  wire.text(settings.runtime.subnetPool);
  wire.text(settings.runtime.nameServers);
  wire.text(settings.runtime.hostServices);
  wire.path(settings.runtime.mountFolder);
  wire.path(settings.dataFolder);
  texts(wire, settings.layerFolders, kMaxFolders);
  texts(wire, settings.mountFolders, kMaxFolders);
  texts(wire, settings.logFolders, kMaxFolders);
  paths(wire, settings.operatorFolders, kMaxFolders);
  paths(wire, settings.operatorFiles, kMaxFolders);
  paths(wire, settings.readableFiles, kMaxFolders);
  wire.list(settings.programs, kMaxFolders, [&](auto& each) {
    wire.text(each.first, kMaxName);
    fields(wire, each.second);
  });
  wire.number(settings.daemonUser, uid_t{0}, std::numeric_limits<uid_t>::max());
  wire.number(settings.daemonGroup, gid_t{0}, std::numeric_limits<gid_t>::max());
  wire.number(settings.maxCalls, std::uint64_t{1}, std::uint64_t{1'000'000});
  wire.text(settings.logLevel, kMaxName);
}

template <typename Alternatives>
std::string encode(const Alternatives& value) {
  WireWriter wire;
  wire.number(value.index(), std::size_t{0}, std::size_t{0});
  std::visit([&](const auto& each) { fields(wire, each); }, value);
  return wire.bytes();
}

template <std::size_t Index = 0, typename Alternatives>
void emplaceAt(std::size_t index, Alternatives& value) {
  if constexpr (Index < std::variant_size_v<Alternatives>) {
    if (index == Index) {
      value.template emplace<Index>();
    } else {
      emplaceAt<Index + 1>(index, value);
    }
  }
}

template <typename Alternatives>
Alternatives decode(std::string_view bytes) {
  WireReader wire(bytes);
  std::size_t index = 0;
  wire.number(index, std::size_t{0}, std::variant_size_v<Alternatives> - 1);
  Alternatives value;
  emplaceAt(index, value);
  std::visit([&](auto& each) { fields(wire, each); }, value);
  wire.end();
  return value;
}

}  // namespace

std::string encodeCall(const Call& call) {
  return encode(call);
}

Call decodeCall(std::string_view bytes) {
  return decode<Call>(bytes);
}

std::string encodeAnswer(const Answer& answer) {
  return encode(answer);
}

Answer decodeAnswer(std::string_view bytes) {
  return decode<Answer>(bytes);
}

std::string encodeSettings(const SupervisorSettings& settings) {
  WireWriter wire;
  fields(wire, settings);
  return wire.bytes();
}

SupervisorSettings decodeSettings(std::string_view bytes) {
  WireReader wire(bytes);
  SupervisorSettings settings;
  fields(wire, settings);
  wire.end();
  return settings;
}

}  // namespace sandbox
