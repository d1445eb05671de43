// Slugs that clients made: announced, sent to a signed URL, checked, and packed as a build's are.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "base/byte_sink.h"
#include "base/clock.h"
#include "base/guarded.h"
#include "base/json.h"
#include "builder/builder.h"
#include "controller/app_limits.h"
#include "controller/data_folder.h"
#include "controller/url_signer.h"
#include "controller/work_folder.h"
#include "store/pending_slug_store.h"

namespace controller {

struct SlugUploadConfig {
  std::uint64_t maxPending = 100;             ///< setting slug_uploads_max: of one app, without content
  std::uint64_t maxDepth = 128;               ///< setting export_max_depth
  std::uint64_t minFreeBytes = 256ull << 20;  ///< setting disk_min_free_bytes
};

/// What uploads work with; all outlive them.
struct SlugUploadParts {
  const DataFolder& folder;
  store::ReleaseStore& store;
  builder::Builder& builder;
  const AppLimits& limits;
  const UrlSigner& signer;
  const base::Clock& clock;
};

/// One slug's content on its way. What it has written is gone with it, and at the latest at the next start.
/// One thread at a time.
class SlugUpload {
 public:
  ~SlugUpload();
  SlugUpload(const SlugUpload&) = delete;
  SlugUpload& operator=(const SlugUpload&) = delete;

  std::uint64_t maxBytes() const noexcept { return limits_.slugBytes; }
  /// Throws what receive() throws beyond maxBytes().
  [[noreturn]] void refuseSize() const;
  /// The whole body. Throws invalidArgument beyond maxBytes() and for another checksum than was announced,
  /// permissionDenied when the URL's time ends meanwhile, diskFull.
  void receive(base::ByteSource& body);
  /// Checks and packs what was received; then the slug is there. Throws invalidArgument, in one sentence, for
  /// what is no slug or beyond a limit, cancelled, notFound when it is not announced any more.
  store::Slug finish(std::stop_token stop);

 private:
  friend class SlugUploads;
  class Claim;
  SlugUpload(const SlugUploadConfig& config, const SlugUploadParts& parts, std::unique_ptr<Claim> claim,
             store::PendingSlug pending, base::Time end);

  const SlugUploadConfig config_;
  const SlugUploadParts parts_;
  const std::unique_ptr<Claim> claim_;
  const store::PendingSlug pending_;
  const base::Time end_;
  const builder::BuildLimits limits_;
  const WorkFolder work_;  // below DIR/run/builds, which a start empties
};

/// Thread-safe.
class SlugUploads {
 public:
  SlugUploads(SlugUploadConfig config, SlugUploadParts parts);

  /// Of the body of POST /apps/APP/slugs: {"process_types": {TYPE: COMMAND}, "commit"?,
  /// "commit_description"?, "buildpack_provided_description"?, "checksum"?, "stack"?}. Throws
  /// invalidArgument, notFound for a stack that is not here, overloaded beyond maxPending.
  store::PendingSlug announce(const store::App& app, const base::JsonObject::Ptr& body,
                              const std::string& user);
  /// Nullopt, too, for another app's.
  std::optional<store::PendingSlug> find(const store::App& app, const std::string& uuid);
  /// The signed path for the content.
  std::string putPath(const store::App& app, const std::string& uuid) const;

  /// Claims the slug: until the upload is gone, another is refused. Throws permissionDenied for a path that
  /// is not signed for it, conflict when it is being uploaded or has its content, notFound.
  std::unique_ptr<SlugUpload> begin(const store::App& app, const std::string& uuid,
                                    const std::string& pathAndQuery);

 private:
  friend class SlugUpload;
  const SlugUploadConfig config_;
  const SlugUploadParts parts_;
  store::PendingSlugStore pending_;
  base::Guarded<std::set<std::string>> busy_;  // uuids of those on their way
};

/// "the slug ID has no content yet", and what to do.
std::string emptySlugSentence(const std::string& uuid);

}  // namespace controller
