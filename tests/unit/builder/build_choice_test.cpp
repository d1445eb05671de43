// Which buildpacks a build takes.
#include "tests/unit/builder/build_fixture.h"

namespace builder {
namespace {

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

}  // namespace
}  // namespace builder
