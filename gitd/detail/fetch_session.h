// What both protocols of git fetch have in common: which objects may be asked for, what the client has, the
// pack.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "gitd/detail/git.h"
#include "gitd/detail/ref_advertisement.h"
#include "gitd/detail/service.h"

namespace gitd::detail {

enum class Framing { sideBand, raw };

/// One repository as one fetching client sees it. One thread at a time.
class FetchSession {
 public:
  FetchSession(const ServiceContext& context, const RepositoryAccess& repository);

  const std::vector<AdvertisedRef>& refs() const { return refs_; }
  /// The id and target of HEAD; the id is empty while its branch does not exist.
  const std::string& headId() const { return headId_; }
  const std::optional<std::string>& headTarget() const { return headTarget_; }

  /// Throws invalidArgument unless a ref leads to it: objects that no ref leads to are nobody's to fetch.
  void want(const std::string& id);
  bool wantsAnything() const { return !wants_.empty(); }
  /// True when we have it too.
  bool have(const std::string& id);
  bool hasCommon() const { return !common_.empty(); }
  const std::string& lastCommon() const { return lastCommon_; }
  /// Everything wanted leads to something common: more haves would not make the pack smaller.
  bool ready();
  void sendPack(Framing framing);

 private:
  bool reachable(const git_oid& id) const;

  const ServiceContext& context_;
  GitRepository repository_;
  GitOdb odb_;
  std::vector<AdvertisedRef> refs_;
  std::set<std::string> tips_;
  std::optional<std::string> headTarget_;
  std::string headId_;
  std::set<std::string> wants_;
  std::set<std::string> common_;
  std::string lastCommon_;
};

}  // namespace gitd::detail
