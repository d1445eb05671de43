#include "sandbox/detail/supervisor_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <variant>

#include "sandbox/detail/wire.h"
#include "tests/support/failure_of.h"
#include "tests/unit/sandbox/supervisor_samples.h"

namespace sandbox_test {
namespace {

using base::Errc;
using sandbox::Answer;
using sandbox::Call;
using sandbox::ContainerSpec;
using sandbox::RunCall;
using sandbox::WireReader;
using sandbox::WireWriter;
using std::chrono::microseconds;
using ::testing::HasSubstr;

/// What decoding says of a run whose spec was spoiled; empty when it takes it.
std::string refusalOf(const std::function<void(RunCall&)>& spoil) {
  RunCall call{sampleSpec(), {}};
  spoil(call);
  try {
    sandbox::decodeCall(sandbox::encodeCall(call));
    return "";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), Errc::invalidArgument);
    return error.what();
  }
}

TEST(SupervisorMessages, EveryCallComesOutAsItWentIn) {
  for (const Call& call : sampleCalls()) {
    const std::string bytes = sandbox::encodeCall(call);
    const Call read = sandbox::decodeCall(bytes);
    EXPECT_EQ(read.index(), call.index());
    EXPECT_EQ(sandbox::encodeCall(read), bytes);
  }
}

TEST(SupervisorMessages, AllOfASpecArrives) {
  const ContainerSpec wanted = sampleSpec();
  const Call call = sandbox::decodeCall(sandbox::encodeCall(RunCall{wanted, {}}));
  const ContainerSpec& spec = std::get<RunCall>(call).spec;
  EXPECT_EQ(spec.id, wanted.id);
  EXPECT_EQ(spec.layers, wanted.layers);
  EXPECT_EQ(spec.argv, wanted.argv);
  EXPECT_EQ(spec.environment, wanted.environment);
  EXPECT_EQ(spec.workingDirectory, wanted.workingDirectory);
  EXPECT_EQ(spec.uid, wanted.uid);
  EXPECT_EQ(spec.gid, wanted.gid);
  EXPECT_EQ(spec.hostname, wanted.hostname);
  ASSERT_EQ(spec.mounts.size(), 2u);
  EXPECT_EQ(spec.mounts[0].source, wanted.mounts[0].source);
  EXPECT_EQ(spec.mounts[0].target, wanted.mounts[0].target);
  EXPECT_FALSE(spec.mounts[0].readOnly);
  EXPECT_EQ(spec.mounts[1].changes, wanted.mounts[1].changes);
  EXPECT_EQ(spec.limits.cpus, wanted.limits.cpus);
  EXPECT_EQ(spec.limits.cpuWeight, wanted.limits.cpuWeight);
  EXPECT_EQ(spec.limits.fileBytes, wanted.limits.fileBytes);
  ASSERT_TRUE(spec.filter);
  EXPECT_EQ(spec.filter->hosts, wanted.filter->hosts);
  EXPECT_TRUE(spec.readOnlyRoot);
}

TEST(SupervisorMessages, AnswersComeOutAsTheyWentIn) {
  sandbox::ContainerStatus status;
  status.running = true;
  status.container = {"web.1", "10.0.0.2", 4711, base::Time(std::chrono::milliseconds(1'700'000'000'123))};
  status.unattended = true;
  const std::vector<Answer> answers{
      sandbox::Done{},
      sandbox::Failure{Errc::diskFull, "the disk is full"},
      sandbox::RunResult{
          sandbox::RunResult::End::idle, {.code = 143, .signal = 0}, true, true, microseconds(7)},
      status.container,
      sandbox::StatusAnswer{status},
      sandbox::StatusAnswer{},
      sandbox::IdsAnswer{{"a", "b"}},
      sandbox::ContainerUsage{1, microseconds(2), 3, 4, 5},
      sandbox::BytesAnswer{6},
      sandbox::ReadyAnswer{"runc", 1879048192}};
  for (const Answer& answer : answers) {
    const std::string bytes = sandbox::encodeAnswer(answer);
    const Answer read = sandbox::decodeAnswer(bytes);
    EXPECT_EQ(read.index(), answer.index());
    EXPECT_EQ(sandbox::encodeAnswer(read), bytes);
  }
}

TEST(SupervisorMessages, SettingsComeOutAsTheyWentIn) {
  sandbox::SupervisorSettings settings{.runtime = {.folder = "/data/run", .nameServers = "192.0.2.1"},
                                       .dataFolder = "/data",
                                       .layerFolders = {"layers"},
                                       .mountFolders = {"run/builds", "cache"},
                                       .logFolders = {"logs"},
                                       .operatorFolders = {"/srv"},
                                       .operatorFiles = {"/etc/ca.crt"},
                                       .maxCalls = 7,
                                       .logLevel = "debug"};
  const auto read = sandbox::decodeSettings(sandbox::encodeSettings(settings));
  EXPECT_EQ(sandbox::encodeSettings(read), sandbox::encodeSettings(settings));
  EXPECT_EQ(read.mountFolders, settings.mountFolders);
  EXPECT_EQ(read.maxCalls, 7u);
}

TEST(SupervisorMessages, IdsPathsAndNumbersAreChecked) {
  EXPECT_EQ(refusalOf([](RunCall&) {}), "");
  for (const char* id : {"", "../x", "-x", "a/b", "A"})
    EXPECT_THAT(refusalOf([&](RunCall& call) { call.spec.id = id; }), HasSubstr("is not a container id"))
        << id;
  for (const char* path : {"", "layers", "/a/../b", "/a//b", "/a/./b"}) {
    EXPECT_THAT(refusalOf([&](RunCall& call) { call.spec.layers = {path}; }), HasSubstr("path")) << path;
    EXPECT_THAT(refusalOf([&](RunCall& call) { call.spec.mounts[0].source = path; }), HasSubstr("path"))
        << path;
  }
  EXPECT_THAT(refusalOf([](RunCall& call) { call.spec.argv = {std::string("a\0b", 3)}; }), HasSubstr("zero"));
  EXPECT_THAT(refusalOf([](RunCall& call) { call.spec.argv = {std::string(200'000, 'x')}; }),
              HasSubstr("too long"));
  for (const double cpus :
       {-1.0, -0.0, 1e9, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
    EXPECT_THAT(refusalOf([&](RunCall& call) { call.spec.limits.cpus = cpus; }), HasSubstr("range")) << cpus;
  for (const unsigned weight : {0u, 10'001u})
    EXPECT_THAT(refusalOf([&](RunCall& call) { call.spec.limits.cpuWeight = weight; }), HasSubstr("range"));
  EXPECT_THAT(refusalOf([](RunCall& call) { call.times.timeout = std::chrono::seconds(-1); }),
              HasSubstr("range"));
  EXPECT_THAT(refusalOf([](RunCall& call) { call.times.killGrace = std::chrono::milliseconds::max(); }),
              HasSubstr("range"));
  for (const int number : {0, -1, 65})
    EXPECT_EQ(testing_support::failureOf([&] {
                sandbox::decodeCall(sandbox::encodeCall(sandbox::SignalCall{"x", number}));
              }).code(),
              Errc::invalidArgument);
}

TEST(SupervisorMessages, WhatIsCutOrTooLongIsRefused) {
  for (const Call& call : sampleCalls()) {
    const std::string bytes = sandbox::encodeCall(call);
    for (std::size_t size = 0; size < bytes.size(); ++size)
      EXPECT_THROW(sandbox::decodeCall(std::string_view(bytes).substr(0, size)), base::Error);
    EXPECT_THROW(sandbox::decodeCall(bytes + '\0'), base::Error);
  }
}

TEST(SupervisorMessages, ALengthThatIsNotThereTakesNoMemory) {
  WireWriter wire;
  wire.number<std::uint64_t>(1ull << 60, 0, 0);
  std::vector<std::string> list;
  WireReader reader(wire.bytes());
  EXPECT_THROW(reader.list(list, SIZE_MAX, [](std::string&) {}), base::Error);
  std::string text;
  WireReader again(wire.bytes());
  EXPECT_THROW(again.text(text, SIZE_MAX), base::Error);
  EXPECT_LT(text.capacity() + list.capacity(), 100u);
}

TEST(SupervisorMessages, AFlagIsOnOrOff) {
  bool value = false;
  WireReader reader(std::string_view("\1\0\2", 3));
  reader.flag(value);
  EXPECT_TRUE(value);
  reader.flag(value);
  EXPECT_FALSE(value);
  EXPECT_THROW(reader.flag(value), base::Error);
}

}  // namespace
}  // namespace sandbox_test
