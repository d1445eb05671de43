// Random operations against a model of what the registry has to answer, with damage, restarts, scrubs and
// collections between them.
#include <fcntl.h>
#include <unistd.h>

#include <map>
#include <random>
#include <set>

#include "base/fd.h"
#include "store/collector.h"
#include "store/scrubber.h"
#include "tests/unit/registry/registry_site.h"

namespace registry {
namespace {

constexpr std::size_t kLarge = 300'000;  // more than is read before an answer begins

/// What a file is, to the model.
enum class File { absent, right, flipped, cut };

struct Image {
  std::string bytes;
  std::set<std::string> layers;
};

struct Repository {
  std::set<std::string> held;  // blobs
  std::map<std::string, Image> manifests;
  std::map<std::string, std::string> tags;

  bool names(const std::string& blob) const {
    for (const auto& [digest, image] : manifests)
      if (image.layers.contains(blob)) return true;
    return false;
  }
};

class Model {
 public:
  explicit Model(unsigned seed) : random_(seed) {
    restart();
    for (unsigned i = 0; i < 10; ++i) {
      const std::size_t size = i == 0 ? 0 : i == 1 ? kLarge : 50 * i;
      std::string content(size, static_cast<char>('a' + i));
      const Digest digest =
          Digest::of(content, i == 3 ? base::DigestAlgorithm::sha512 : base::DigestAlgorithm::sha256);
      contents_[digest.str()] = content;
      files_[digest.str()] = File::absent;
    }
  }

  void step() {
    using Operation = void (Model::*)();
    static constexpr std::array<Operation, 22> kOperations = {
        &Model::push,        &Model::push,      &Model::push,    &Model::pushInChunks, &Model::pushInChunks,
        &Model::pushOther,   &Model::mount,     &Model::mount,   &Model::putManifest,  &Model::putManifest,
        &Model::putManifest, &Model::pull,      &Model::pull,    &Model::pull,         &Model::pullManifest,
        &Model::ask,         &Model::listTags,  &Model::dropTag, &Model::dropManifest, &Model::dropBlob,
        &Model::damage,      &Model::nowAndThen};
    (this->*kOperations.at(pick(kOperations.size())))();
  }

 private:
  std::size_t pick(std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_);
  }
  template <typename Map>
  std::string anyKey(const Map& map) {
    return std::next(map.begin(), static_cast<std::ptrdiff_t>(pick(map.size())))->first;
  }
  std::string anyBlob() { return anyKey(contents_); }
  std::string anyName() { return std::array<std::string, 3>{"hello", "hello/web", "tools/x"}.at(pick(3)); }
  std::string anyTag() { return "t" + std::to_string(pick(3)); }
  bool holds(const std::string& name, const std::string& blob) const {
    const auto found = repositories_.find(name);
    return found != repositories_.end() && found->second.held.contains(blob);
  }
  static std::string path(const std::string& name, const std::string& blob) {
    return "/v2/" + name + "/blobs/" + blob;
  }
  void stored(const std::string& name, const std::string& blob) {
    repositories_[name].held.insert(blob);
    files_[blob] = File::right;
  }

  void push() {
    const std::string name = anyName();
    const std::string blob = anyBlob();
    const auto answer = site_->put("POST", "/v2/" + name + "/blobs/uploads/?digest=" + blob, contents_[blob]);
    ASSERT_EQ(answer.status(), 201) << answer.body;
    stored(name, blob);
  }

  void pushInChunks() {
    const std::string name = anyName();
    const std::string blob = anyBlob();
    const std::string& content = contents_[blob];
    const std::string upload = site_->begin(name);
    const std::size_t cut = pick(content.size() + 1);
    ASSERT_EQ(site_->put("PATCH", upload, content.substr(0, cut)).status(), 202);
    if (pick(4) == 0) restart();
    const Answer status = site_->ask("GET", upload, {{"Authorization", "Basic good"}});
    if (status.status() == 404) {  // one without a byte does not outlive a restart
      ASSERT_EQ(cut, 0u);
      return;
    }
    ASSERT_EQ(status.header("Range"), "0-" + std::to_string(cut == 0 ? 0 : cut - 1));
    ASSERT_EQ(site_->put("PUT", upload + "?digest=" + blob, content.substr(cut)).status(), 201);
    stored(name, blob);
  }

  void pushOther() {
    const std::string name = anyName();
    const std::string blob = anyBlob();
    const auto answer =
        site_->put("POST", "/v2/" + name + "/blobs/uploads/?digest=" + blob, "something else");
    ASSERT_EQ(outcomeOf(answer), "400 DIGEST_INVALID");
  }

  void mount() {
    const std::string from = anyName();
    const std::string name = anyName();
    const std::string blob = anyBlob();
    const auto answer = site_->put("POST", "/v2/" + name + "/blobs/uploads/?mount=" + blob + "&from=" + from);
    const bool there = files_[blob] == File::right || files_[blob] == File::flipped;
    if (holds(from, blob) && there) {
      ASSERT_EQ(answer.status(), 201);
      repositories_[name].held.insert(blob);
    } else {
      ASSERT_EQ(answer.status(), 202);
      ASSERT_EQ(site_->put("DELETE", answer.header("Location")).status(), 204);
    }
  }

  void putManifest() {
    const std::string name = anyName();
    const std::string tag = anyTag();
    Image image;
    std::string layers;
    for (std::size_t left = pick(3) + 1; left > 0; --left) {
      const std::string blob = anyBlob();
      image.layers.insert(blob);
      layers += (layers.empty() ? "" : ",") + descriptor(blob);
    }
    image.bytes = R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":)" +
                  descriptor(*image.layers.begin()) + ",\"layers\":[" + layers + "]}";
    const auto answer = site_->put("PUT", "/v2/" + name + "/manifests/" + tag, image.bytes,
                                   {{"Content-Type", "application/vnd.oci.image.manifest.v1+json"}});
    bool lost = false;
    for (const std::string& blob : image.layers)
      lost = lost || (holds(name, blob) && (files_[blob] == File::absent || files_[blob] == File::cut));
    if (lost) {
      ASSERT_EQ(outcomeOf(answer), "404 MANIFEST_BLOB_UNKNOWN");
      return;
    }
    ASSERT_EQ(answer.status(), 201) << answer.body;
    const std::string digest = Digest::of(image.bytes).str();
    repositories_[name].manifests[digest] = image;
    repositories_[name].tags[tag] = digest;
  }
  std::string descriptor(const std::string& blob) const {
    return R"({"mediaType":"a/b","digest":")" + blob + R"(","size":)" +
           std::to_string(contents_.at(blob).size()) + "}";
  }

  /// Nothing but the content, or nothing whole.
  void pull() {
    const std::string name = anyName();
    const std::string blob = anyBlob();
    const std::string& content = contents_[blob];
    const bool part = pick(3) == 0 && content.size() > 20;
    const auto answer =
        site_->ask("GET", path(name, blob), part ? Headers{{"Range", "bytes=10-19"}} : Headers{});
    if (!holds(name, blob)) {
      ASSERT_EQ(answer.status(), 404);
      return;
    }
    if (files_[blob] == File::right) {
      ASSERT_EQ(answer.status(), part ? 206 : 200);
      ASSERT_TRUE(answer.body == (part ? content.substr(10, 10) : content));
      return;
    }
    if (files_[blob] == File::flipped && content.size() == kLarge && !part) {
      ASSERT_EQ(answer.status(), 200);
      ASSERT_LT(answer.body.size(), content.size());
    } else {
      ASSERT_EQ(outcomeOf(answer), "404 BLOB_UNKNOWN");
    }
    files_[blob] = File::absent;
  }

  void ask() {
    const std::string name = anyName();
    const std::string blob = anyBlob();
    const int status = site_->ask("HEAD", path(name, blob)).status();
    if (!holds(name, blob)) {
      ASSERT_EQ(status, 404);
      return;
    }
    if (files_[blob] == File::cut) files_[blob] = File::absent;
    ASSERT_EQ(status, files_[blob] == File::absent ? 404 : 200);
  }

  void pullManifest() {
    const std::string name = anyName();
    const std::string tag = anyTag();
    const auto answer = site_->ask("GET", "/v2/" + name + "/manifests/" + tag);
    const Repository& repository = repositories_[name];
    const auto found = repository.tags.find(tag);
    if (found == repository.tags.end()) {
      ASSERT_EQ(answer.status(), 404);
      return;
    }
    ASSERT_EQ(answer.body, repository.manifests.at(found->second).bytes);
    ASSERT_EQ(answer.header("Docker-Content-Digest"), found->second);
  }

  void listTags() {
    const std::string name = anyName();
    const auto answer = site_->ask("GET", "/v2/" + name + "/tags/list");
    if (answer.status() == 404) {
      ASSERT_TRUE(repositories_[name].tags.empty() && repositories_[name].held.empty());
      return;
    }
    std::string tags;
    for (const auto& [tag, digest] : repositories_[name].tags)
      tags += (tags.empty() ? "\"" : ",\"") + tag + "\"";
    ASSERT_EQ(answer.body, "{\"name\":\"" + name + "\",\"tags\":[" + tags + "]}");
  }

  void dropTag() {
    const std::string name = anyName();
    const std::string tag = anyTag();
    const int status = site_->put("DELETE", "/v2/" + name + "/manifests/" + tag).status();
    ASSERT_EQ(status, repositories_[name].tags.erase(tag) == 1 ? 202 : 404);
  }

  void dropManifest() {
    const std::string name = anyName();
    Repository& repository = repositories_[name];
    if (repository.manifests.empty()) return;
    const std::string digest = anyKey(repository.manifests);
    ASSERT_EQ(site_->put("DELETE", "/v2/" + name + "/manifests/" + digest).status(), 202);
    forgetManifest(repository, digest);
  }
  static void forgetManifest(Repository& repository, const std::string& digest) {
    std::erase_if(repository.tags, [&](const auto& each) { return each.second == digest; });
    repository.manifests.erase(digest);
  }

  void dropBlob() {
    const std::string name = anyName();
    const std::string blob = anyBlob();
    const int status = site_->put("DELETE", path(name, blob)).status();
    if (!holds(name, blob)) {
      ASSERT_EQ(status, 404);
    } else if (repositories_[name].names(blob)) {
      ASSERT_EQ(status, 405);
    } else {
      ASSERT_EQ(status, 202);
      repositories_[name].held.erase(blob);
    }
  }

  void damage() {
    const std::string blob = anyBlob();
    if (files_[blob] != File::right || contents_[blob].empty()) return;
    const auto file = site_->blobs.path(Digest::parse(blob));
    if (pick(2) == 0) {
      std::filesystem::resize_file(file, pick(contents_[blob].size()));
      files_[blob] = File::cut;
      return;
    }
    const base::Fd fd = base::openFile(file, O_WRONLY);
    ASSERT_EQ(::pwrite(fd.get(), "!", 1, static_cast<off_t>(pick(contents_[blob].size()))), 1);
    files_[blob] = File::flipped;
  }

  void nowAndThen() {
    switch (pick(6)) {
      case 0:
        return restart();
      case 1:
        return scrub();
      case 2:
        return collect();
      default:
        return;
    }
  }

  void restart() {
    site_.reset();
    site_ = std::make_unique<Site>(folder_.path());
    site_->blobs.leases().setLength(std::chrono::seconds(0));
  }

  void scrub() {
    std::set<std::string> found;
    const auto report =
        store::Scrubber(site_->releases, site_->blobs).scrub({.bytesPerS = 1u << 30, .progress = {}}, {});
    for (const auto& each : report.damaged)
      found.insert(each.digest.str());
    std::set<std::string> expected;
    for (auto& [blob, file] : files_) {
      if (file != File::right) file = File::absent;
      for (const auto& [name, repository] : repositories_)
        if (file == File::absent && repository.held.contains(blob)) expected.insert(blob);
    }
    ASSERT_EQ(found, expected);
  }

  void collect() {
    store::Collector(site_->releases, site_->blobs,
                     {.releases = 0, .age = {}, .grace = {}, .lease = std::chrono::seconds(0)})
        .collect({});
    std::set<std::string> needed;
    for (auto& [name, repository] : repositories_) {
      std::set<std::string> tagged;
      for (const auto& [tag, digest] : repository.tags)
        tagged.insert(digest);
      std::erase_if(repository.manifests, [&](const auto& each) { return !tagged.contains(each.first); });
      std::erase_if(repository.held, [&, &kept = repository](const auto& blob) { return !kept.names(blob); });
      needed.insert(repository.held.begin(), repository.held.end());
    }
    for (auto& [blob, file] : files_) {
      const bool there = std::filesystem::exists(site_->blobs.path(Digest::parse(blob)));
      if (!needed.contains(blob)) {
        ASSERT_FALSE(there) << blob;
        file = File::absent;
      }
    }
  }

  std::mt19937 random_;
  testing_support::TempFolder folder_;
  std::unique_ptr<Site> site_;
  std::map<std::string, std::string> contents_;
  std::map<std::string, File> files_;
  std::map<std::string, Repository> repositories_;
};

class RegistryModel : public ::testing::TestWithParam<unsigned> {};

TEST_P(RegistryModel, AnswersAsTheModelDoes) {
  Model model(GetParam());
  for (int step = 0; step < 700; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    ASSERT_NO_FATAL_FAILURE(model.step());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RegistryModel, ::testing::Values(1u, 2u, 3u));

}  // namespace
}  // namespace registry
