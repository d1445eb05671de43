// Builder against a scripted runtime.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/archive.h"
#include "base/child_process.h"
#include "builder/builder.h"
#include "tests/support/memory_blob_store.h"
#include "tests/support/memory_layer_index.h"
#include "tests/support/scripted_runtime.h"
#include "tests/support/temp_folder.h"

namespace builder {
namespace {

namespace fs = std::filesystem;
using sandbox::ContainerSpec;
using sandbox::RunResult;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::StartsWith;

struct Collected : BuildOutput {
  void write(std::string_view bytes) override { text.append(bytes); }
  std::string text;
};

std::string phaseOf(const ContainerSpec& spec) {
  return spec.argv.at(3);
}

/// What a container sees at `target`, on the host.
fs::path mountAt(const ContainerSpec& spec, const std::string& target) {
  for (const auto& mount : spec.mounts) {
    if (mount.target == target) return mount.source;
  }
  ADD_FAILURE() << "nothing is mounted at " << target;
  return {};
}

class BuildTest : public testing::Test {
 protected:
  BuildTest() {
    config.workFolder = folder / "builds";
    config.buildpackFolder = folder / "buildpacks";
    input.id = "hello-b1";
    input.source = folder / "source";
    input.cache = folder / "cache/hello";
    input.stack = "debian-12";
    input.stackLayers = {folder / "layer"};
    input.commit = std::string(40, 'a');
    fs::create_directories(input.source);
  }

  void source(const std::string& name, const std::string& text) { folder.write("source/" + name, text); }

  BuildOutcome build() {
    fs::create_directories(input.source);
    Builder builder(config, runtime, blobs, packed);
    return builder.build(input, output, stop.get_token());
  }

  BuildSucceeded succeed() {
    auto outcome = build();
    if (auto* ok = std::get_if<BuildSucceeded>(&outcome.result)) return *ok;
    ADD_FAILURE() << output.text;
    return {};
  }

  /// Descriptions of the buildpacks that took the app.
  std::string takenBy() {
    auto outcome = build();
    EXPECT_TRUE(std::holds_alternative<BuildSucceeded>(outcome.result)) << output.text;
    std::string names;
    for (const auto& each : outcome.buildpacks)
      names += (names.empty() ? "" : ", ") + each.description;
    return names;
  }

  std::string fail() {
    auto outcome = build();
    if (auto* failed = std::get_if<BuildFailed>(&outcome.result)) {
      EXPECT_THAT(output.text, HasSubstr(" !     " + failed->reason + "\n"));
      return failed->reason;
    }
    ADD_FAILURE() << output.text;
    return "";
  }

  ContainerSpec phase(const std::string& name) {
    for (const auto& spec : runtime.runs()) {
      if (phaseOf(spec) == name) return spec;
    }
    ADD_FAILURE() << "no phase " << name;
    return {};
  }

  testing_support::TempFolder folder;
  test::ScriptedRuntime runtime;
  testing_support::MemoryBlobStore blobs;
  testing_support::MemoryLayerIndex packed;
  BuilderConfig config;
  BuildInput input;
  Collected output;
  std::stop_source stop;
};

TEST_F(BuildTest, TellsTheWholeStory) {
  source("package.json", "{}");
  source("Procfile", "web: node server.js\n");
  runtime.queueRun("1\nNode.js\n");
  runtime.queueRun("-----> Installing\n       no line end");
  runtime.queueRun("");  // bin/report
  runtime.queueRun(
      "---\nconfig_vars:\n  A: b\ndefault_process_types:\n  web: npm start\n  worker: npm run w\n");
  const auto result = succeed();
  EXPECT_THAT(output.text, StartsWith("-----> Node.js app detected\n"
                                      "-----> Installing\n"
                                      "       no line end\n"
                                      "-----> Discovering process types\n"
                                      "       Procfile declares types -> web\n"
                                      "       Default types for buildpack -> worker\n"
                                      "-----> Compiled slug size is "));
  EXPECT_THAT(result.processTypes, ElementsAre(Pair("web", "node server.js"), Pair("worker", "npm run w")));
  EXPECT_THAT(result.defaultConfig, ElementsAre(Pair("A", "b")));
  EXPECT_EQ(result.layers.size(), 1u);
  EXPECT_EQ(result.slugBytes, result.layers[0].blob.sizeBytes);
  EXPECT_FALSE(fs::exists(config.workFolder / input.id));
}

TEST_F(BuildTest, GivesPhasesHerokusEnvironmentAndNothingElse) {
  config.hostEnvironment = {{"https_proxy", "http://proxy:3128"}, {"PATH", "/evil"}};
  config.caBundle = folder.write("ca.crt", "x");
  input.config = {{"SECRET", "s"}, {"LANG", "xx"}};
  runtime.queueRun("0\nX\n");
  succeed();
  const auto spec = phase("compile");
  std::map<std::string, std::string> environment(spec.environment.begin(), spec.environment.end());
  EXPECT_EQ(environment.size(), spec.environment.size());
  EXPECT_EQ(environment["REQUEST_ID"].size(), 36u);
  environment.erase("REQUEST_ID");
  const std::string ca = "/etc/ssl/certs/ca-certificates.crt";
  EXPECT_EQ(environment, (std::map<std::string, std::string>{{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                                             {"HOME", "/app"},
                                                             {"APP_DIR", "/app"},
                                                             {"LANG", "en_US.UTF-8"},
                                                             {"STACK", "debian-12"},
                                                             {"SOURCE_VERSION", input.commit},
                                                             {"DYNO", "run.1"},
                                                             {"TMPDIR", "/tmp"},
                                                             {"CURL_CONNECT_TIMEOUT", "30"},
                                                             {"CURL_TIMEOUT", "180"},
                                                             {"SSL_CERT_FILE", ca},
                                                             {"NODE_EXTRA_CA_CERTS", ca},
                                                             {"CURL_CA_BUNDLE", ca},
                                                             {"GIT_SSL_CAINFO", ca},
                                                             {"REQUESTS_CA_BUNDLE", ca},
                                                             {"PIP_CERT", ca},
                                                             {"AWS_CA_BUNDLE", ca},
                                                             {"https_proxy", "http://proxy:3128"}}));
  EXPECT_EQ(mountAt(spec, ca), config.caBundle);
}

TEST_F(BuildTest, CompileSeesItsFolders) {
  input.config = {{"KEY", "two\nlines"}};
  folder.write("cache/hello/old", "kept");
  runtime.queueRun("0\nX\n");
  runtime.onRun([&](const ContainerSpec& spec, base::ByteSink&, const sandbox::RunOptions&) {
    if (phaseOf(spec) != "compile") return RunResult{};
    const auto& argv = spec.argv;
    EXPECT_THAT(argv.at(4), StartsWith("/tmp/build_"));
    EXPECT_TRUE(fs::exists(mountAt(spec, argv.at(5)) / "old"));
    const auto key = mountAt(spec, argv.at(6)) / "KEY";
    EXPECT_EQ(base::readFile(key), "two\nlines");
    EXPECT_EQ(fs::status(key.parent_path()).permissions(), fs::perms(0750));
    EXPECT_TRUE(fs::is_empty(mountAt(spec, "/app")));
    EXPECT_EQ(fs::status(mountAt(spec, "/tmp")).permissions(), fs::perms(01777));
    EXPECT_TRUE(fs::exists(mountAt(spec, spec.workingDirectory) / "bin/compile"));
    EXPECT_EQ(spec.uid, 1000u);
    EXPECT_TRUE(spec.network);
    // A mount's place must be there before, below a folder that the build user cannot change.
    EXPECT_EQ(spec.mounts.front().target, "/tmp");
    EXPECT_TRUE(fs::exists(mountAt(spec, "/tmp") / argv.at(4).substr(5)));
    return RunResult{};
  });
  succeed();
  EXPECT_FALSE(phase("detect").network);
}

TEST_F(BuildTest, DetectsInOrderWithRealScripts) {
  // Runs the scripts on the host, with the containers' paths replaced by what is mounted there.
  runtime.onRun([](const ContainerSpec& spec, base::ByteSink& out, const sandbox::RunOptions&) {
    if (phaseOf(spec) == "compile") return RunResult{};
    auto argv = spec.argv;
    for (std::size_t i = 4; i < argv.size(); ++i)
      argv[i] = mountAt(spec, argv[i]).string();
    const std::string cwd =
        spec.workingDirectory == "/tmp" ? "" : mountAt(spec, spec.workingDirectory).string();
    const auto ran = base::runCommand(argv, {.workingDirectory = cwd});
    out.write(ran.out);
    RunResult result;
    result.status = ran.status;
    return result;
  });
  source("Procfile", "web: ./serve\n");
  EXPECT_EQ(takenBy(), "Procfile");
  source("Procfile", "web: ./serve\n");
  source("index.html", "<h1>");
  EXPECT_EQ(takenBy(), "Static");
  source("index.html", "<h1>");
  source("package.json", "{}");
  source("server.js", "");
  EXPECT_THAT(succeed().processTypes, ElementsAre(Pair("web", "npm start")));
  source("package.json", "{}");
  folder.write("buildpacks/own/bin/detect", "#!/bin/sh\necho Own\n");
  EXPECT_EQ(takenBy(), "Own");
  fs::remove_all(folder / "buildpacks");
  EXPECT_EQ(fail(), "Unable to select a buildpack");
}

TEST_F(BuildTest, ExplicitListRunsAllAndChainsExports) {
  source(".buildpacks", "nodejs\n# then\nprocfile\n");
  runtime.queueRun("Node.js\n");
  runtime.queueRun("");
  runtime.queueRun("");  // bin/report
  runtime.queueRun("Procfile\n");
  runtime.queueRun("");
  runtime.queueRun("default_process_types:\n  web: last\n");
  auto outcome = build();
  EXPECT_THAT(outcome.buildpacks, ElementsAre(store::BuildpackUse{"nodejs", "Node.js", "", "", ""},
                                              store::BuildpackUse{"procfile", "Procfile", "", "", ""}));
  EXPECT_THAT(std::get<BuildSucceeded>(outcome.result).processTypes, ElementsAre(Pair("web", "last")));
  const auto runs = runtime.runs();
  ASSERT_EQ(runs.size(), 6u);
  EXPECT_EQ(runs[1].argv.size(), 7u);
  ASSERT_EQ(runs[4].argv.size(), 8u);
  EXPECT_EQ(runs[4].argv[7], runs[1].workingDirectory);
  EXPECT_EQ(runs[5].workingDirectory, runs[4].workingDirectory);
}

TEST_F(BuildTest, ExplicitBuildpackThatRefusesFailsThePush) {
  input.config = {{"BUILDPACK_URL", "nodejs"}};
  source(".buildpacks", "procfile");
  runtime.queueRun("no package.json here\n", 1);
  EXPECT_EQ(fail(), "Detection failed: the nodejs buildpack exited with status 1");
  EXPECT_THAT(output.text, HasSubstr("no package.json here"));
}

TEST_F(BuildTest, ExplicitNamesAreChecked) {
  input.config = {{"BUILDPACK_URL", "nodjs"}};
  EXPECT_THAT(fail(), testing::AllOf(HasSubstr("there is no buildpack named nodjs; known ones: "),
                                     HasSubstr(" nodejs, ")));
  input.config = {{"BUILDPACK_URL", "file:///etc"}};
  EXPECT_THAT(fail(), HasSubstr("not at an http, https or git URL"));
  EXPECT_THAT(runtime.runs(), IsEmpty());
}

TEST_F(BuildTest, TheAppsListComesBeforeAllOtherChoices) {
  const auto prepare = [&] {
    source("app.json", R"({"buildpacks": [{"url": "heroku/static"}, {"url": "procfile"}]})");
    source(".buildpacks", "nodejs\nstatic\nprocfile\n");
    for (int i = 0; i < 3; ++i)
      runtime.queueRun("X\n");
  };
  prepare();
  input.buildpacks = {"procfile"};
  input.config = {{"BUILDPACK_URL", "nodejs"}};
  EXPECT_EQ(build().buildpacks.at(0).name, "procfile");
  prepare();
  input.buildpacks = {};
  EXPECT_EQ(build().buildpacks.at(0).name, "nodejs");
  prepare();
  input.config = {};
  EXPECT_EQ(build().buildpacks.at(0).name, "static");
  prepare();
  source("app.json", "{}");
  EXPECT_EQ(build().buildpacks.at(0).name, "nodejs");
  source("app.json", "{,}");
  EXPECT_THAT(fail(), HasSubstr("app.json is not valid JSON"));
}

TEST_F(BuildTest, ReportsAreKeptOfFailedBuildsTooAndNeverFailOne) {
  folder.write("buildpacks/own/bin/detect", "#!/bin/sh\n");
  folder.write("buildpacks/own/bin/compile", "#!/bin/sh\n");
  folder.write("buildpacks/own/bin/report", "#!/bin/sh\n");
  input.buildpacks = {"own"};
  int compileStatus = 1;
  int reportStatus = 0;
  runtime.onRun([&](const ContainerSpec& spec, base::ByteSink& out, const sandbox::RunOptions&) {
    RunResult result;
    if (phaseOf(spec) == "compile") result.status.code = compileStatus;
    if (phaseOf(spec) == "report") {
      out.write("{\"version\": 3}\n");
      result.status.code = reportStatus;
    }
    return result;
  });
  EXPECT_EQ(build().buildpacks.at(0).report, "{\"version\": 3}");
  compileStatus = 0;
  reportStatus = 1;
  const auto outcome = build();
  EXPECT_TRUE(std::holds_alternative<BuildSucceeded>(outcome.result));
  EXPECT_EQ(outcome.buildpacks.at(0).report, "");
}

TEST_F(BuildTest, FetchesSubmodulesBeforeAnythingLooksAtTheTree) {
  input.submodules = {{"lib/a", std::string(40, 'b')}};
  runtime.queueRun("");
  runtime.queueRun("0\nX\n");
  succeed();
  const auto spec = runtime.runs().at(0);
  EXPECT_EQ(phaseOf(spec), "submodules");
  EXPECT_THAT(spec.argv, Contains("lib/a"));
  EXPECT_TRUE(spec.network);
  EXPECT_EQ(phaseOf(runtime.runs().at(1)), "detect");
}

TEST_F(BuildTest, BuildsInTheAppFolderOnRequest) {
  input.place = BuildPlace::app;
  source("file", "x");
  runtime.queueRun("0\nX\n");
  succeed();
  const auto spec = phase("compile");
  EXPECT_EQ(spec.argv.at(4), "/app");
  EXPECT_THAT(spec.environment, Contains(Pair("HOME", StartsWith("/tmp/home_"))));
  EXPECT_THAT(spec.environment, Contains(Pair("APP_DIR", "/app")));
}

TEST_F(BuildTest, EmptyBuildpacksFileBuildsNothing) {
  source(".buildpacks", "\n");
  source("Procfile", "web: a\n");
  EXPECT_EQ(takenBy(), "");
  EXPECT_THAT(runtime.runs(), IsEmpty());
}

TEST_F(BuildTest, FetchesByUrlInAContainer) {
  input.config = {{"BUILDPACK_URL", "https://u:secret@example.com/pack.git#v1"}};
  runtime.queueRun("");
  runtime.queueRun("Pack\n");
  EXPECT_EQ(takenBy(), "Pack");
  EXPECT_THAT(output.text, HasSubstr("Fetching buildpack pack\n"));
  EXPECT_THAT(output.text, Not(HasSubstr("secret")));
  const auto spec = phase("fetch");
  EXPECT_THAT(spec.argv, Contains("https://u:secret@example.com/pack.git"));
  EXPECT_THAT(spec.argv, Contains("v1"));
  runtime.queueRun("fatal: no\n", 128);
  EXPECT_EQ(fail(), "Fetching the pack buildpack failed: it exited with status 128");
}

TEST_F(BuildTest, FailuresSayWhyAndNameTheSetting) {
  runtime.queueRun("1\nNode.js\n");
  runtime.queueRun("boom\n", 1);
  EXPECT_EQ(fail(), "Compile failed: the nodejs buildpack exited with status 1");

  RunResult memory;
  memory.status.code = 137;
  memory.outOfMemory = true;
  runtime.queueRun("1\nNode.js\n");
  runtime.queueRun("", memory);
  EXPECT_EQ(
      fail(),
      "Compile failed: the nodejs buildpack ran out of memory: more than 4.0G (setting build_memory_bytes)");

  RunResult timeout;
  timeout.end = RunResult::End::timedOut;
  runtime.queueRun("1\nNode.js\n");
  runtime.queueRun("", timeout);
  EXPECT_EQ(fail(),
            "Compile failed: the nodejs buildpack was stopped: the build took longer than 900 s (setting "
            "build_timeout_s)");

  RunResult killed;
  killed.status.code = 139;
  runtime.queueRun("1\nNode.js\n");
  runtime.queueRun("", killed);
  EXPECT_EQ(fail(), "Compile failed: the nodejs buildpack was killed by signal 11");

  runtime.queueRun("1\nNode.js\n");
  runtime.queueRun("");
  runtime.queueRun("");  // bin/report
  runtime.queueRun("oops: [\n");
  EXPECT_THAT(fail(),
              StartsWith("Release failed: bin/release of the nodejs buildpack printed something else"));
}

TEST_F(BuildTest, BadProcfileFailsAfterCompile) {
  source("Procfile", "web\n");
  runtime.queueRun("0\nX\n");
  EXPECT_EQ(fail(), "Procfile line 1 is not of the form TYPE: COMMAND");
}

TEST_F(BuildTest, CompileMayWriteTheProcfile) {
  runtime.queueRun("0\nX\n");
  runtime.onRun([](const ContainerSpec& spec, base::ByteSink&, const sandbox::RunOptions&) {
    if (phaseOf(spec) == "compile") {
      base::writeAll(base::openFile(mountAt(spec, spec.argv.at(4)) / "Procfile", O_WRONLY | O_CREAT, 0644),
                     "web: made\n");
    }
    return RunResult{};
  });
  EXPECT_THAT(succeed().processTypes, ElementsAre(Pair("web", "made")));
}

TEST_F(BuildTest, LinksOutOfTheTreeAreNotRead) {
  folder.write("secret", "web: stolen\n");
  fs::create_symlink(folder / "secret", input.source / "Procfile");
  runtime.queueRun("0\nX\n");
  EXPECT_THAT(succeed().processTypes, IsEmpty());
  EXPECT_THAT(output.text, HasSubstr("Procfile declares types -> (none)"));
  ASSERT_EQ(::mkfifo((fs::create_directories(input.source), input.source / "Procfile").c_str(), 0644), 0);
  runtime.queueRun("0\nX\n");
  EXPECT_THAT(succeed().processTypes, IsEmpty());
}

TEST_F(BuildTest, SlugIgnoreAppliesBeforeDetect) {
  source(".slugignore", "*.psd\n");
  source("a.psd", "x");
  source("deep/b.psd", "x");
  runtime.onRun([](const ContainerSpec& spec, base::ByteSink& out, const sandbox::RunOptions&) {
    if (phaseOf(spec) == "detect") {
      EXPECT_FALSE(fs::exists(mountAt(spec, spec.argv.at(4)) / "a.psd"));
      out.write("0\nX\n");
    }
    return RunResult{};
  });
  succeed();
  EXPECT_THAT(output.text, StartsWith("-----> Deleting 2 files matching .slugignore patterns.\n"));
}

TEST_F(BuildTest, CacheIsSwappedOnSuccessAndLeftOnFailure) {
  folder.write("cache/hello/file", "old");
  int exitCode = 1;
  runtime.onRun([&](const ContainerSpec& spec, base::ByteSink& out, const sandbox::RunOptions&) {
    RunResult result;
    if (phaseOf(spec) == "detect") out.write("0\nX\n");
    if (phaseOf(spec) == "compile") {
      const auto file = mountAt(spec, spec.argv.at(5)) / "file";
      base::writeAll(base::openFile(file, O_WRONLY | O_CREAT | O_APPEND, 0644), "+new");
      result.status.code = exitCode;
    }
    return result;
  });
  fail();
  EXPECT_EQ(folder.read("cache/hello/file"), "old");
  exitCode = 0;
  succeed();
  EXPECT_EQ(folder.read("cache/hello/file"), "old+new");
  input.useCache = false;
  succeed();
  EXPECT_EQ(folder.read("cache/hello/file"), "+new");
}

TEST_F(BuildTest, CancellingStopsTheBuild) {
  runtime.queueRun("0\nX\n");
  runtime.onRun([&](const ContainerSpec&, base::ByteSink&, const sandbox::RunOptions& options) {
    stop.request_stop();
    EXPECT_TRUE(options.stop.stop_requested());
    RunResult result;
    result.end = RunResult::End::cancelled;
    return result;
  });
  EXPECT_TRUE(std::holds_alternative<BuildCancelled>(build().result));
  EXPECT_EQ(blobs.count(), 0u);
  EXPECT_FALSE(fs::exists(input.cache));
}

TEST_F(BuildTest, NetworkPolicyHoldsInEachPhaseThatHasANetwork) {
  config.hostEnvironment = {{"https_proxy", "http://proxy:3128"}};
  runtime.queueRun("0\nX\n");
  runtime.onRun([](const ContainerSpec& spec, base::ByteSink& out, const sandbox::RunOptions& options) {
    if (phaseOf(spec) == "compile") {
      out.write("no line end");
      options.onRefusedHost("evil.example.org");
      options.onRefusedHost("evil.example.org");
    }
    return RunResult{};
  });
  input.network = {.reach = BuildNetwork::Reach::listed, .hosts = {{.name = "a.org", .port = 80}}};
  succeed();
  EXPECT_THAT(output.text,
              HasSubstr("no line end\n !     Network: evil.example.org is not on this app's list "
                        "(network:set)\n----->"));
  const auto compile = phase("compile");
  EXPECT_TRUE(compile.network);
  ASSERT_TRUE(compile.filter);
  EXPECT_THAT(compile.filter->hosts, ElementsAre(sandbox::AllowedHost{.name = "a.org", .port = 80},
                                                 sandbox::AllowedHost{.name = "proxy", .port = 3128}));
  EXPECT_FALSE(phase("detect").network);
}

TEST_F(BuildTest, WithoutANetworkNothingIsAllowedNotEvenTheProxy) {
  config.hostEnvironment = {{"https_proxy", "http://proxy:3128"}};
  runtime.queueRun("0\nX\n");
  input.network.reach = BuildNetwork::Reach::none;
  succeed();
  EXPECT_FALSE(phase("compile").network);
  ASSERT_TRUE(phase("compile").filter);
  EXPECT_THAT(phase("compile").filter->hosts, IsEmpty());
}

TEST_F(BuildTest, PhasesHaveTheBuildsLimits) {
  input.limits.memoryBytes = 5u << 20;
  input.limits.cpus = 0.5;
  input.limits.pids = 7;
  input.limits.diskBytes = 1u << 30;
  input.limits.idleTimeout = std::chrono::seconds(3);
  runtime.queueRun("0\nX\n");
  runtime.onRun([](const ContainerSpec& spec, base::ByteSink&, const sandbox::RunOptions& options) {
    EXPECT_EQ(options.idleTimeout, std::chrono::seconds(3));
    EXPECT_LE(options.killGrace, std::chrono::milliseconds(500));
    RunResult result;
    if (phaseOf(spec) == "compile") result.end = RunResult::End::idle;
    return result;
  });
  EXPECT_THAT(fail(), HasSubstr("printed nothing for 3 s (setting build_idle_timeout_s)"));
  const auto spec = phase("compile");
  EXPECT_EQ(spec.limits.memoryBytes, 5u << 20);
  EXPECT_EQ(spec.limits.cpus, 0.5);
  EXPECT_EQ(spec.limits.pids, 7);
  EXPECT_EQ(spec.limits.fileBytes, 1u << 30);
  EXPECT_LT(spec.limits.cpuWeight, 100u);
  EXPECT_TRUE(spec.readOnlyRoot);
}

TEST_F(BuildTest, SlugTooLargeNamesTheSetting) {
  input.limits.slugBytes = 10;
  source("a.txt", "some text");
  runtime.queueRun("0\nX\n");
  EXPECT_THAT(fail(), testing::AllOf(StartsWith("Compiled slug size"), HasSubstr("slug_max_bytes")));
}

TEST_F(BuildTest, SameTreeSameSlug) {
  std::vector<store::Digest> digests;
  for (int i = 0; i < 2; ++i) {
    input.id = "hello-b" + std::to_string(i);
    source("b/run.sh", "echo");
    source("a.txt", "text");
    source(".git/HEAD", "ref");
    fs::permissions(input.source / "b/run.sh", fs::perms(0755));
    fs::last_write_time(input.source / "a.txt", fs::file_time_type::clock::now() - std::chrono::hours(i));
    runtime.queueRun("0\nX\n");
    digests.push_back(succeed().layers.at(0).blob.digest);
  }
  EXPECT_EQ(digests[0], digests[1]);
  base::unpackTar(*blobs.open(digests[0]), folder.path(), {.keepOwners = false});
  EXPECT_EQ(folder.read("app/a.txt"), "text");
  EXPECT_EQ(fs::status(folder / "app/b/run.sh").permissions(), fs::perms(0755));
  EXPECT_FALSE(fs::exists(folder / "app/.git"));
}

TEST_F(BuildTest, APushOfCodeOnlyStoresTheCodesLayerOnly) {
  std::string code = "first";
  const auto push = [&](const std::string& id) {
    input.id = id;
    source("server.js", code);
    runtime.queueRun("0\nX\n");
    runtime.onRun([&](const ContainerSpec& spec, base::ByteSink&, const sandbox::RunOptions&) {
      const fs::path build = mountAt(spec, spec.argv.at(4));
      if (phaseOf(spec) == "compile") {
        folder.write(fs::relative(build / ".heroku/node/bin/node", folder.path()).string(),
                     std::string(3 << 20, 'n'));
        folder.write(fs::relative(build / "node_modules/koa/index.js", folder.path()).string(),
                     std::string(1 << 20, 'k'));
      }
      return RunResult{};
    });
    return succeed();
  };
  const auto first = push("hello-b1");
  ASSERT_EQ(first.layers.size(), 3u);
  EXPECT_THAT(output.text, Not(HasSubstr("New: ")));
  const auto stored = blobs.count();

  code = "second";
  const auto second = push("hello-b2");
  ASSERT_EQ(second.layers.size(), 3u);
  EXPECT_EQ(second.layers[0].blob.digest, first.layers[0].blob.digest);
  EXPECT_EQ(second.layers[1].blob.digest, first.layers[1].blob.digest);
  EXPECT_NE(second.layers[2].blob.digest, first.layers[2].blob.digest);
  EXPECT_EQ(blobs.count(), stored + 1);
  EXPECT_THAT(output.text, HasSubstr("in 1 of 3 layers\n"));

  // Another machine, where nothing was packed yet, gives the same.
  packed.clear();
  const auto elsewhere = push("hello-b3");
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(elsewhere.layers[i].blob.digest, second.layers[i].blob.digest);

  // A layer that the index knows and nobody has any more is made again.
  blobs.remove(second.layers[0].blob.digest);
  const auto healed = push("hello-b4");
  EXPECT_TRUE(blobs.size(second.layers[0].blob.digest).has_value());
  EXPECT_EQ(healed.layers[0].blob.digest, second.layers[0].blob.digest);

  // The layers one behind the other are one archive.
  std::string whole;
  for (const auto& layer : second.layers)
    whole += blobs.bytes(layer.blob.digest);
  const fs::path file = folder.write("whole.tgz", whole);
  base::mustRun({"tar", "-xzf", file.string(), "-C", folder.path().string()});
  EXPECT_EQ(folder.read("app/server.js"), "second");
  EXPECT_EQ(folder.read("app/node_modules/koa/index.js"), std::string(1 << 20, 'k'));
  fs::create_directory(folder / "own");
  for (const auto& layer : second.layers)
    base::unpackTar(*blobs.open(layer.blob.digest), folder / "own", {.keepOwners = false});
  EXPECT_EQ(folder.read("own/app/.heroku/node/bin/node"), std::string(3 << 20, 'n'));
}

TEST_F(BuildTest, ALargeSlugGetsAWarning) {
  config.slugWarnBytes = 10;
  source("a.txt", "some text");
  runtime.queueRun("0\nX\n");
  succeed();
  EXPECT_THAT(output.text,
              HasSubstr(" !     Warning: the slug is larger than 10B (setting slug_warn_bytes)"));
}

TEST_F(BuildTest, BrokenRuntimeIsThePlatformsError) {
  runtime.failNext(base::Error(base::Errc::unavailable, "no runtime"));
  EXPECT_THROW(build(), base::Error);
  EXPECT_FALSE(fs::exists(config.workFolder / input.id));
}

TEST_F(BuildTest, LeftoversOfAKilledDaemonGo) {
  folder.write("builds/hello-b0/build/file", "x");
  const Builder builder(config, runtime, blobs, packed);
  EXPECT_FALSE(fs::exists(config.workFolder / "hello-b0"));
}

}  // namespace
}  // namespace builder
