// git-upload-pack: answers clones and fetches in protocols 0, 1 and 2 over any wire.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "git/hidden_refs.h"
#include "git/ref_store.h"
#include "git/wire.h"

namespace git {

/// Which objects a client may ask for by id.
enum class WantRule {
  tips,              ///< what a shown ref says
  reachable,         ///< and what leads from there along commits
  reachableCommits,  ///< and trees and blobs, as partial clones ask for them later
  any                ///< whatever is there
};

/// What a server allows and says of itself; the names are those of git's settings.
struct UploadPackSettings {
  std::string agent = "fairlead/" FAIRLEAD_VERSION;
  std::optional<std::string> sessionId;  ///< transfer.advertiseSID
  HiddenRefs hiddenRefs;                 ///< transfer.hideRefs, uploadpack.hideRefs
  bool allowHiddenTips = false;          ///< uploadpack.allowTipSHA1InWant
  WantRule wants = WantRule::tips;       ///< of protocols 0 and 1
  WantRule wantsV2 = WantRule::any;      ///< of protocol 2
  bool allowFilter = false;              ///< uploadpack.allowFilter
  bool allowRefInWant = false;           ///< uploadpack.allowRefInWant
  bool allowSideBandAll = false;         ///< uploadpack.allowSidebandAll
  bool advertiseObjectInfo = false;      ///< transfer.advertiseObjectInfo
  enum class Unborn { ignore, allow, advertise };
  Unborn unborn = Unborn::advertise;             ///< lsrefs.unborn
  bool allowFiltersByDefault = true;             ///< uploadpackfilter.allow
  std::map<std::string, bool> allowedFilters;    ///< uploadpackfilter.FILTER.allow
  std::optional<std::uint64_t> filterTreeDepth;  ///< uploadpackfilter.tree.maxDepth
};

/// How far one run goes.
enum class UploadPackPart { all, advertisement, requestOnly };

struct UploadPackRun {
  const Repository& repository;
  const UploadPackSettings& settings;
  int protocol = 0;  ///< 0, 1 or 2
  UploadPackPart part = UploadPackPart::all;
};

/// Serves one client to its end. Throws invalidArgument for what the client may not have or what is no
/// protocol, corrupt, io, cancelled when it is gone. Where git sends the client an error packet, it was sent
/// when this throws.
void uploadPack(Wire& wire, const UploadPackRun& run);

}  // namespace git
