// A build from its source to its slug: phases, limits, cache, cancelling.
#include "tests/unit/builder/build_fixture.h"

namespace builder {
namespace {

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
      out.write("version: 3\nname: a\tb\x1b[1m\n");
      result.status.code = reportStatus;
    }
    return result;
  });
  EXPECT_EQ(build().buildpacks.at(0).report, "version: 3\nname: a?b?[1m");
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

TEST_F(BuildTest, CacheThatWasBeingMergedIsWholeForTheNextBuild) {
  folder.write("cache/hello/file", "old");
  folder.write("cache/hello~/other", "merged");
  runtime.queueRun("0\nX\n");
  runtime.onRun([](const ContainerSpec& spec, base::ByteSink&, const sandbox::RunOptions&) {
    if (phaseOf(spec) != "compile") return RunResult{};
    EXPECT_EQ(base::readFile(mountAt(spec, spec.argv.at(5)) / "other"), "merged");
    return RunResult{};
  });
  succeed();
  EXPECT_EQ(folder.read("cache/hello/file"), "old");
  EXPECT_FALSE(fs::exists(folder / "cache/hello~"));
}

TEST_F(BuildTest, ChangesOfACacheThatIsGoneGoWithIt) {
  folder.write("cache/hello~/other", "of an app that was destroyed");
  runtime.queueRun("0\nX\n");
  runtime.onRun([](const ContainerSpec& spec, base::ByteSink&, const sandbox::RunOptions&) {
    if (phaseOf(spec) != "compile") return RunResult{};
    EXPECT_TRUE(fs::is_empty(mountAt(spec, spec.argv.at(5))));
    return RunResult{};
  });
  succeed();
  EXPECT_FALSE(fs::exists(folder / "cache/hello~"));
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

TEST_F(BuildTest, BrokenRuntimeIsThePlatformsError) {
  runtime.failNext(base::Error(base::Errc::unavailable, "no runtime"));
  EXPECT_THROW(build(), base::Error);
  EXPECT_FALSE(fs::exists(config.workFolder / input.id));
}

TEST_F(BuildTest, LeftoversOfAKilledDaemonGo) {
  folder.write("builds/hello-b0/build/file", "x");
  asDaemon([](Builder&) {});
  EXPECT_FALSE(fs::exists(config.workFolder / "hello-b0"));
}

}  // namespace
}  // namespace builder
