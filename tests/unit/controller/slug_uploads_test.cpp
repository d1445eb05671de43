#include "controller/slug_uploads.h"

#include <gmock/gmock.h>

#include "base/archive.h"
#include "base/error.h"
#include "base/gzip.h"
#include "controller/slug_settings.h"
#include "store/event_store.h"
#include "tests/support/byte_streams.h"
#include "tests/support/failure_of.h"
#include "tests/support/killer.h"
#include "tests/support/raw_tar.h"
#include "tests/unit/controller/controller_test.h"

namespace controller {
namespace {

using base::Errc;
using base::Error;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using testing_support::failureOf;
using testing_support::RawTar;
using testing_support::StringSink;
using testing_support::StringSource;

std::string gzipped(const std::string& bytes) {
  StringSink packed;
  base::GzipWriter gzip(packed);
  gzip.write(bytes);
  gzip.finish();
  return packed.text;
}

RawTar goodTar() {
  return RawTar()
      .add({.name = "./app/", .type = '5', .mode = 0755})
      .add({.name = "./app/web", .content = "#!/bin/sh", .mode = 0755, .uid = 7})
      .add({.name = "./app/page.txt", .content = "one"});
}

base::JsonObject::Ptr announcement(const std::string& more = "") {
  return base::parseJsonObject(R"({"process_types": {"web": "./web"})" + more + "}", "the request");
}

std::size_t leftIn(const std::filesystem::path& builds) {
  std::size_t left = 0;
  for (const auto& entry : std::filesystem::directory_iterator(builds))
    if (entry.path().filename() != ".trash") ++left;
  return left;
}

class SlugUploadsTest : public ControllerTest {
 protected:
  SlugUploadsTest() { app_ = store_.createApp({store::AppName::parse("hello"), "debian-12", "ada"}); }

  store::PendingSlug announce(const std::string& more = "") {
    return uploads_.announce(*app_, announcement(more), "ada");
  }
  store::Slug put(const store::PendingSlug& slug, const std::string& bytes, std::stop_token stop = {}) {
    const auto upload = uploads_.begin(*app_, slug.uuid, uploads_.putPath(*app_, slug.uuid));
    StringSource body(bytes, 1000);
    upload->receive(body);
    return upload->finish(stop);
  }
  /// Refused, and nothing is left of it.
  void expectRefused(const std::string& bytes, const std::string& why, const std::string& more = "") {
    SCOPED_TRACE(why);
    const store::PendingSlug slug = announce(more);
    const Error failure = failureOf([&] { put(slug, bytes); });
    EXPECT_EQ(failure.code(), Errc::invalidArgument);
    EXPECT_THAT(failure.what(), HasSubstr(why));
    EXPECT_TRUE(uploads_.find(*app_, slug.uuid)) << "it can be sent again";
    EXPECT_TRUE(store_.slugs(app_->id, 10).empty());
    EXPECT_EQ(leftIn(folder_.builds()), 0u);
  }

  std::optional<store::App> app_;
  UrlSigner signer_{folder_.root() / "key", std::chrono::hours(1), clock_};
  SlugUploads uploads_{{}, {folder_, store_, builder_, limits_, signer_, clock_}};
};

TEST_F(SlugUploadsTest, WhatIsSentBecomesASlug) {
  const std::string bytes = gzipped(goodTar().bytes());
  const store::PendingSlug announced = announce(
      R"(, "commit": "1a2b", "commit_description": "Fix", "buildpack_provided_description": "By hand",
                   "checksum": "SHA256:)" +
      base::Digest::of(bytes).hex() + "\"");
  const store::Slug slug = put(announced, bytes);
  EXPECT_EQ(slug.uuid, announced.uuid);
  EXPECT_THAT(slug.processTypes, ElementsAre(Pair("web", "./web")));
  EXPECT_EQ(slug.commit, "1a2b");
  EXPECT_EQ(slug.commitDescription, "Fix");
  EXPECT_EQ(slug.buildpack, "By hand");
  EXPECT_EQ(slug.stack, "debian-12");
  EXPECT_FALSE(uploads_.find(*app_, slug.uuid));
  EXPECT_EQ(leftIn(folder_.builds()), 0u);
  const store::Event event = store::EventStore(store_).newest(app_->id, 1).at(0);
  EXPECT_EQ(event.kind, "slug.upload");
  EXPECT_EQ(event.actor, "ada") << "whoever has the URL acts for who announced it";
}

TEST_F(SlugUploadsTest, TheSameTreeIsTheSameSlugHoweverItWasPacked) {
  const store::Slug first = put(announce(), gzipped(goodTar().bytes()));
  const store::Slug second =
      put(announce(), gzipped(RawTar()
                                  .add({.name = "app/page.txt", .content = "one", .uid = 5})
                                  .add({.name = "app/web", .content = "#!/bin/sh", .mode = 04755})
                                  .bytes()));
  ASSERT_EQ(first.layers.size(), 1u);
  ASSERT_EQ(second.layers.size(), 1u);
  EXPECT_EQ(first.layers[0].blob.digest, second.layers[0].blob.digest);
  const auto download = blobs_.open(first.layers[0].blob.digest);
  std::string packed(first.sizeBytes, '\0');
  ASSERT_EQ(download->read(packed.data(), packed.size()), packed.size());
  EXPECT_EQ(put(announce(), packed).layers[0].blob.digest, first.layers[0].blob.digest)
      << "what was downloaded can be uploaded";
}

TEST_F(SlugUploadsTest, WhatIsNoSlugIsRefusedInASentence) {
  const std::string good = gzipped(goodTar().bytes());
  const auto with = [](const testing_support::RawEntry& entry) {
    return gzipped(goodTar().add(entry).bytes());
  };
  expectRefused(with({.name = "/etc/x", .content = "x"}), "the absolute name /etc/x");
  expectRefused(with({.name = "app/../../x", .content = "x"}), "leads out of it");
  expectRefused(gzipped(goodTar()
                            .add({.name = "app/in", .type = '2', .link = "/tmp"})
                            .add({.name = "app/in/x", .content = "x"})
                            .bytes()),
                "in is a symlink");
  expectRefused(with({.name = "app/dev", .type = '3'}), "a device, fifo or socket");
  expectRefused(with({.name = "app/same", .type = '1', .link = "app/missing"}), "a hard link to a file");
  expectRefused(with({.name = "beside", .content = "x"}), "not below ./app");
  expectRefused(good + "junk", "something stands behind its end");
  expectRefused(good.substr(0, good.size() - 5), "the archive is damaged");
  expectRefused("words", "the archive is damaged");
  expectRefused("", "the archive is damaged");
  expectRefused(goodTar().bytes(), "is not compressed");
  expectRefused(good, "not the one that was announced",
                R"(, "checksum": "SHA256:)" + std::string(64, '0') + "\"");
  std::string deep = "app";
  for (int i = 0; i < 130; ++i)
    deep += "/d";
  expectRefused(gzipped(goodTar().pax("path", deep).add({.name = "x"}).bytes()), "export_max_depth");
  std::string longPath = "app";
  for (int i = 0; i < 20; ++i)
    longPath += "/" + std::string(200, 'p');
  expectRefused(gzipped(goodTar().pax("path", longPath).add({.name = "x"}).bytes()), "There is a path of");
}

TEST_F(SlugUploadsTest, TakesChecksAndCronAlongAsABuiltOneDoes) {
  const std::string appJson =
      R"({"cron": [{"schedule": "@daily", "command": "bin/clean"}],
          "healthchecks": {"web": [{"type": "startup", "path": "/health"}]}})";
  const store::Slug slug =
      put(announce(), gzipped(goodTar().add({.name = "./app/app.json", .content = appJson}).bytes()));
  const auto wanted = slugSettings(builder::parseAppJson(appJson), {});
  EXPECT_NE(wanted.cron, "");
  EXPECT_EQ(slug.cron, wanted.cron);
  EXPECT_EQ(slug.checks, wanted.checks);
  EXPECT_EQ(store_.getSlug(slug.id).cron, wanted.cron);
  EXPECT_EQ(store_.getSlug(slug.id).checks, wanted.checks);
  const store::Slug none = put(announce(), gzipped(goodTar().bytes()));
  EXPECT_EQ(none.cron + none.checks, "");
}

TEST_F(SlugUploadsTest, AnAppJsonThatIsWrongIsRefused) {
  const auto with = [](const std::string& appJson) {
    return gzipped(goodTar().add({.name = "./app/app.json", .content = appJson}).bytes());
  };
  expectRefused(with("{"), "app.json");
  expectRefused(with(R"({"cron": [{"schedule": "61 * * * *", "command": "a"}]})"),
                "app.json: cron[0]: the schedule \"61 * * * *\"");
  std::string many;
  for (int i = 0; i < 21; ++i)
    many += (many.empty() ? "" : ",") + std::string(R"({"schedule": "@daily", "command": ")") +
            std::to_string(i) + "\"}";
  expectRefused(with(R"({"cron": [)" + many + "]}"), "cron_max");
}

TEST_F(SlugUploadsTest, TheAppsLimitsHold) {
  store_.changeSettings(app_->id, {{"slug_max_bytes", "100"}});
  expectRefused(gzipped(goodTar().add({.name = "app/x", .content = base::randomHex(200)}).bytes()),
                "slug_max_bytes");
  store_.changeSettings(app_->id, {{"slug_max_bytes", std::nullopt}, {"slug_max_files", "2"}});
  expectRefused(gzipped(goodTar().bytes()), "slug_max_files");
  store_.changeSettings(app_->id, {{"slug_max_files", std::nullopt}, {"slug_max_expanded_bytes", "10"}});
  expectRefused(gzipped(goodTar().bytes()), "slug_max_expanded_bytes");
}

TEST_F(SlugUploadsTest, IsAnnouncedAsAProcfileSays) {
  const auto refusalOf = [&](const std::string& json) {
    const Error failure =
        failureOf([&] { uploads_.announce(*app_, base::parseJsonObject(json, "the request"), "ada"); });
    EXPECT_EQ(failure.code(), Errc::invalidArgument) << json;
    return std::string(failure.what());
  };
  EXPECT_THAT(refusalOf(R"({"process_types": {"we b": "x"}})"), HasSubstr("use letters, digits, - and _"));
  EXPECT_THAT(refusalOf(R"({"process_types": {"cron": "x"}})"), HasSubstr("choose another name"));
  EXPECT_THAT(refusalOf(R"({"process_types": {"web": " "}})"), HasSubstr("gives no command for web"));
  EXPECT_THAT(refusalOf(R"({"process_types": {"web": "a\nb"}})"), HasSubstr("a line break"));
  EXPECT_THAT(refusalOf(R"({"process_types": {"web": "a\u0000b"}})"), HasSubstr("NUL"));
  EXPECT_THAT(refusalOf(R"({"process_types": {"web": ")" + std::string(65'536, 'x') + "\"}}"),
              HasSubstr("64 KiB"));
  EXPECT_THAT(refusalOf(R"({"process_types": {}, "checksum": "SHA256:12"})"), HasSubstr("64 hex digits"));
  EXPECT_THAT(refusalOf(R"({"process_types": {}, "commit": "a\nb"})"), HasSubstr("\"commit\""));
  EXPECT_THAT(refusalOf(R"({"process_types": {}, "commit_description": ")" + std::string(3000, 'x') + "\"}"),
              HasSubstr("longer than 2000"));
  EXPECT_EQ(failureOf([&] { announce(R"(, "stack": "nosuch")"); }).code(), Errc::notFound);
  putStack("other", "base");
  EXPECT_EQ(announce(R"(, "stack": "other")").stack, "other");
  EXPECT_EQ(announce(R"(, "commit": null)").commit, "");
  EXPECT_THAT(
      uploads_.announce(*app_, base::parseJsonObject(R"({"process_types": {"web": " a "}})", "x"), "ada")
          .processTypes,
      ElementsAre(Pair("web", "a")));
}

TEST_F(SlugUploadsTest, OneUploadAtATimeAndOneInAll) {
  const store::PendingSlug slug = announce();
  const std::string path = uploads_.putPath(*app_, slug.uuid);
  {
    const auto first = uploads_.begin(*app_, slug.uuid, path);
    EXPECT_EQ(failureOf([&] { uploads_.begin(*app_, slug.uuid, path); }).code(), Errc::conflict);
    const store::PendingSlug other = announce();
    uploads_.begin(*app_, other.uuid, uploads_.putPath(*app_, other.uuid));
  }
  put(slug, gzipped(goodTar().bytes()));
  const Error again = failureOf([&] { uploads_.begin(*app_, slug.uuid, path); });
  EXPECT_EQ(again.code(), Errc::conflict);
  EXPECT_THAT(again.what(), HasSubstr("has its content already"));
}

TEST_F(SlugUploadsTest, TheUrlIsForOneSlugAndForAWhile) {
  const store::PendingSlug slug = announce();
  const store::App other = store_.createApp({store::AppName::parse("other"), "debian-12", "ada"});
  const std::string path = uploads_.putPath(*app_, slug.uuid);
  EXPECT_EQ(failureOf([&] { uploads_.begin(*app_, slug.uuid, path.substr(0, path.find('?'))); }).code(),
            Errc::permissionDenied);
  EXPECT_EQ(failureOf([&] { uploads_.begin(other, slug.uuid, uploads_.putPath(other, slug.uuid)); }).code(),
            Errc::notFound);
  auto upload = uploads_.begin(*app_, slug.uuid, path);
  clock_.advance(std::chrono::hours(1) + std::chrono::seconds(1));
  StringSource late("late", 4);
  EXPECT_EQ(failureOf([&] { upload->receive(late); }).code(), Errc::permissionDenied);
  upload.reset();
  EXPECT_EQ(failureOf([&] { uploads_.begin(*app_, slug.uuid, path); }).code(), Errc::permissionDenied);
  EXPECT_EQ(failureOf([&] { uploads_.begin(*app_, slug.uuid, uploads_.putPath(*app_, slug.uuid)); }).code(),
            Errc::notFound);
}

TEST_F(SlugUploadsTest, AClientThatWentAwayLeavesItPending) {
  std::stop_source gone;
  gone.request_stop();
  const store::PendingSlug slug = announce();
  EXPECT_EQ(failureOf([&] { put(slug, gzipped(goodTar().bytes()), gone.get_token()); }).code(),
            Errc::cancelled);
  EXPECT_TRUE(uploads_.find(*app_, slug.uuid));
  EXPECT_EQ(leftIn(folder_.builds()), 0u);
}

TEST_F(SlugUploadsTest, AnAppThatIsGoneMeanwhileTakesNothing) {
  const store::PendingSlug slug = announce();
  const auto upload = uploads_.begin(*app_, slug.uuid, uploads_.putPath(*app_, slug.uuid));
  StringSource body(gzipped(goodTar().bytes()), 1000);
  upload->receive(body);
  store_.destroyApp(app_->id);
  EXPECT_EQ(failureOf([&] { upload->finish({}); }).code(), Errc::notFound);
}

/// Without the threads of ControllerTest.
class KilledUpload : public ::testing::Test {
 protected:
  KilledUpload() {
    std::filesystem::create_directories(folder_.builds());
    store::ReleaseStore store(folder_.database(), clock_);
    store::AccountStore(store).createUser("ada", store::Role::admin);
    app_ = store.createApp({store::AppName::parse("hello"), "debian-12", "ada"});
  }

  /// body(uploads, store) with all that uploads need.
  template <typename Body>
  void withUploads(Body body) {
    store::ReleaseStore store(folder_.database(), clock_);
    store::DiskBlobStore blobs(folder_.blobs());
    test::ScriptedRuntime runtime;
    test::OwnTrees trees;
    builder::Builder builder({.workFolder = folder_.builds(), .buildpackFolder = folder_.buildpacks()},
                             runtime, trees, blobs, store);
    const AppLimits limits{{{"build_cpus", 0},
                            {"build_disk_bytes", 1u << 30},
                            {"build_idle_timeout_s", 600},
                            {"build_log_max_bytes", 1u << 20},
                            {"build_memory_bytes", 1u << 30},
                            {"build_pids", 100},
                            {"build_timeout_s", 900},
                            {"process_cpus", 0},
                            {"process_disk_bytes", 2ull << 30},
                            {"process_memory_bytes", 512u << 20},
                            {"process_pids", 1024},
                            {"slug_max_bytes", 1u << 20},
                            {"slug_max_expanded_bytes", 1u << 20},
                            {"slug_max_files", 100}},
                           {}};
    const UrlSigner signer(folder_.root() / "key", std::chrono::hours(1), clock_);
    SlugUploads uploads({}, {folder_, store, builder, limits, signer, clock_});
    body(uploads, store, blobs);
  }

  testing_support::TempFolder temp_;
  DataFolder folder_{temp_.path()};
  test::FakeClock clock_;
  std::optional<store::App> app_;
};

TEST_F(KilledUpload, LeavesItPendingOrThereAsAWhole) {
  if (!testing_support::canKill()) GTEST_SKIP() << "no ptrace here";
  std::string uuid;
  withUploads([&](SlugUploads& uploads, auto&, auto&) {
    uuid = uploads.announce(*app_, announcement(), "ada").uuid;
  });
  const std::string bytes = gzipped(goodTar().bytes());
  bool killed = true;
  bool there = false;
  int pending = 0;
  for (int step = 1; killed && !there; step += testing_support::kStride) {
    killed = testing_support::runAndKill(step, [&] {
               withUploads([&](SlugUploads& uploads, auto&, auto&) {
                 const auto upload = uploads.begin(*app_, uuid, uploads.putPath(*app_, uuid));
                 StringSource body(bytes, 1000);
                 upload->receive(body);
                 upload->finish({});
               });
               return 0;
             }).killed;
    withUploads([&](SlugUploads& uploads, store::ReleaseStore& store, store::DiskBlobStore& blobs) {
      ASSERT_EQ(leftIn(folder_.builds()), 0u) << "a start empties it, at step " << step;
      const auto slug = store.findSlug(app_->id, uuid);
      there = slug.has_value();
      ASSERT_NE(there, uploads.find(*app_, uuid).has_value()) << step;
      if (!slug) return void(++pending);
      for (const store::Layer& layer : slug->layers)
        ASSERT_EQ(blobs.size(layer.blob.digest), layer.blob.sizeBytes) << step;
    });
  }
  EXPECT_TRUE(there);
  EXPECT_GT(pending, 3);
}

}  // namespace
}  // namespace controller
