#include "controller/slug_uploads.h"

#include <fcntl.h>

#include "base/archive.h"
#include "base/archive_source.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "controller/body_intake.h"
#include "controller/render.h"
#include "controller/slug_settings.h"
#include "controller/source_request.h"
#include "store/acting.h"

namespace controller {
namespace {

using base::Errc;
using base::Error;

std::string blobPath(const store::App& app, const std::string& uuid) {
  return "/apps/" + app.name.str() + "/slugs/" + uuid + "/blob";
}

/// The app's own, or one that is here, by name or id.
std::string stackOf(store::ReleaseStore& store, const store::App& app, const std::string& wish) {
  if (wish.empty() || wish == app.stack || wish == derivedUuid("stack", app.stack)) return app.stack;
  for (const store::Stack& stack : store.stacks())
    if (wish == stack.name || wish == derivedUuid("stack", stack.name)) return stack.name;
  throw Error(Errc::notFound,
              "there is no stack \"" + base::printable(wish) + "\": list them with fairlead stacks");
}

store::ProcessTypes processTypesOf(const base::JsonObject::Ptr& body) {
  store::ProcessTypes types;
  const auto object = body->getObject("process_types");
  if (!object) throw Error(Errc::invalidArgument, "\"process_types\" is missing: say {\"web\": \"COMMAND\"}");
  for (const auto& [type, command] : *object)
    types[type] = std::string(base::trim(command.convert<std::string>()));
  builder::checkProcessTypes(types);
  return types;
}

/// Writes a file and hashes what goes there.
class HashedFile : public base::ByteSink {
 public:
  explicit HashedFile(const std::filesystem::path& file)
      : fd_(base::openFile(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600)) {}
  void write(std::string_view bytes) override {
    hash_.update(bytes);
    base::writeAll(fd_, bytes);
  }
  base::Digest digest() { return hash_.finish(); }

 private:
  const base::Fd fd_;
  base::Sha256 hash_;
};

constexpr const char* kReceived = "upload";

}  // namespace

std::string emptySlugSentence(const std::string& uuid) {
  return "the slug " + base::printable(uuid) +
         " has no content yet: PUT the .tgz to the URL that POST slugs gave for it, or announce another";
}

/// That nobody else uploads the same slug meanwhile.
class SlugUpload::Claim {
 public:
  Claim(base::Guarded<std::set<std::string>>& busy, const std::string& uuid) : busy_(busy), uuid_(uuid) {
    if (!busy_.with([&](auto& set) { return set.insert(uuid_).second; }))
      throw Error(Errc::conflict, "this slug is being uploaded already: wait for that to end");
  }
  ~Claim() {
    busy_.with([&](auto& set) { set.erase(uuid_); });
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

 private:
  base::Guarded<std::set<std::string>>& busy_;
  const std::string uuid_;
};

SlugUpload::SlugUpload(const SlugUploadConfig& config, const SlugUploadParts& parts,
                       std::unique_ptr<Claim> claim, store::PendingSlug pending, base::Time end)
    : config_(config),
      parts_(parts),
      claim_(std::move(claim)),
      pending_(std::move(pending)),
      end_(end),
      limits_(parts.limits.ofBuild(parts.store.settings(pending_.app))),
      // No build is called that: their names end in a number or in ".source".
      work_(parts.folder.builds() / (pending_.uuid + ".slug")) {}

SlugUpload::~SlugUpload() = default;

void SlugUpload::refuseSize() const {
  throw Error(Errc::invalidArgument, "the slug is larger than " + base::formatBytes(maxBytes()) +
                                         ": make it smaller, or raise the setting slug_max_bytes");
}

void SlugUpload::receive(base::ByteSource& body) {
  HashedFile file(work_.path() / kReceived);
  takeBody(body, file,
           {.folder = work_.path(),
            .maxBytes = maxBytes(),
            .minFreeBytes = config_.minFreeBytes,
            .end = end_,
            .refuseSize = [this] { refuseSize(); }},
           parts_.clock);
  const base::Digest found = file.digest();
  if (pending_.checksum && found != *pending_.checksum)
    throw Error(Errc::invalidArgument, "the slug has the checksum SHA256:" + found.hex() +
                                           ", not the one that was announced: send it again");
}

store::Slug SlugUpload::finish(std::stop_token stop) {
  const store::ActingAs acting({.user = pending_.user, .via = ""});
  const std::filesystem::path tree = work_.path() / "app";
  std::filesystem::create_directory(tree);
  base::FileSource received(base::openFile(work_.path() / kReceived, O_RDONLY | O_NOFOLLOW));
  base::unpackSlug(received, tree,
                   {.maxFiles = limits_.slugFiles,
                    .maxBytes = limits_.slugExpandedBytes,
                    .maxDepth = config_.maxDepth,
                    .stop = stop});
  SlugSettings settings;
  if (const auto appJson = builder::readAppJson(tree))
    settings = slugSettings(*appJson, parts_.limits.cron());
  auto packed = parts_.builder.packFolder(tree, limits_, stop);
  if (const auto* failed = std::get_if<builder::BuildFailed>(&packed))
    throw Error(Errc::invalidArgument, failed->reason);
  if (std::holds_alternative<builder::BuildCancelled>(packed))
    throw Error(Errc::cancelled, "the client went away");
  store::Slug slug = store::PendingSlugStore(parts_.store)
                         .fill(pending_.uuid, {.layers = std::get<std::vector<store::Layer>>(packed),
                                               .checks = settings.checks,
                                               .cron = settings.cron});
  base::Log("controller").info("slug uploaded", {{"slug", slug.uuid}, {"user", pending_.user}});
  return slug;
}

SlugUploads::SlugUploads(SlugUploadConfig config, SlugUploadParts parts)
    : config_(config), parts_(parts), pending_(parts.store) {}

store::PendingSlug SlugUploads::announce(const store::App& app, const base::JsonObject::Ptr& body,
                                         const std::string& user) {
  store::PendingSlug wish{.app = app.id,
                          .user = user,
                          .commit = base::jsonString(body, "commit"),
                          .commitDescription = base::jsonString(body, "commit_description"),
                          .stack = stackOf(parts_.store, app, base::jsonString(body, "stack")),
                          .buildpack = base::jsonString(body, "buildpack_provided_description"),
                          .processTypes = processTypesOf(body),
                          .expiresAt = parts_.clock.now() + parts_.signer.lifetime()};
  checkText("the slug's \"commit\"", wish.commit, kMaxVersionBytes);
  checkText("the slug's \"commit_description\"", wish.commitDescription, kMaxDescriptionBytes);
  checkText("the slug's \"buildpack_provided_description\"", wish.buildpack, kMaxVersionBytes);
  if (const std::string checksum = base::jsonString(body, "checksum"); !checksum.empty())
    wish.checksum = parseChecksum(checksum);
  return pending_.announce(wish, static_cast<std::size_t>(config_.maxPending));
}

std::optional<store::PendingSlug> SlugUploads::find(const store::App& app, const std::string& uuid) {
  auto pending = pending_.find(uuid);
  if (pending && pending->app != app.id) pending.reset();
  return pending;
}

std::string SlugUploads::putPath(const store::App& app, const std::string& uuid) const {
  return parts_.signer.sign("PUT", blobPath(app, uuid));
}

std::unique_ptr<SlugUpload> SlugUploads::begin(const store::App& app, const std::string& uuid,
                                               const std::string& pathAndQuery) {
  const base::Time end = parts_.signer.check("PUT", pathAndQuery);
  auto claim = std::make_unique<SlugUpload::Claim>(busy_, uuid);
  auto pending = find(app, uuid);
  if (!pending && parts_.store.findSlug(app.id, uuid))
    throw Error(Errc::conflict, "this slug has its content already: announce another with POST slugs");
  if (!pending)
    throw Error(Errc::notFound, "there is no slug " + base::printable(uuid) +
                                    " that waits for its content: " + "announce one with POST slugs");
  return std::unique_ptr<SlugUpload>(
      new SlugUpload(config_, parts_, std::move(claim), *std::move(pending), end));
}

}  // namespace controller
