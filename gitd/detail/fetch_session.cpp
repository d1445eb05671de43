#include "gitd/detail/fetch_session.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "git/pkt_line.h"
#include "git/side_band.h"
#include "gitd/detail/pack_writer.h"
#include "gitd/detail/ref_name.h"

namespace gitd::detail {
namespace {

constexpr std::size_t kMaxWants = 100'000;
constexpr std::size_t kMaxCommon = 100'000;
constexpr std::size_t kRawPiece = 32u << 10;

/// A pack without a frame, for clients without side-band.
class RawSink : public base::ByteSink {
 public:
  explicit RawSink(ChannelIo& io) : io_(io) {}
  void write(std::string_view bytes) override {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kRawPiece)))
      io_.write(ChannelIo::Stream::out, bytes.substr(0, kRawPiece));
  }

 private:
  ChannelIo& io_;
};

}  // namespace

FetchSession::FetchSession(const ServiceContext& context, const RepositoryAccess& repository)
    : context_(context), repository_(openGitRepository(repository.path)) {
  odb_ = acquireGit<GitOdb>([&](git_odb** out) { return git_repository_odb(out, repository_.get()); },
                            "opening the objects");
  refs_ = listRefs(repository_.get(), Peel::yes);
  headTarget_ = detail::headTarget(repository_.get());
  for (const AdvertisedRef& ref : refs_) {
    tips_.insert(ref.id);
    if (ref.peeled) tips_.insert(*ref.peeled);
    if (ref.name == headTarget_) headId_ = ref.id;
  }
}

bool FetchSession::reachable(const git_oid& id) const {
  std::vector<git_oid> commits;
  for (const std::string& tip : tips_) {
    const git_oid oid = parseOid(tip);
    std::size_t size = 0;
    git_object_t type = GIT_OBJECT_INVALID;
    if (git_odb_read_header(&size, &type, odb_.get(), &oid) == 0 && type == GIT_OBJECT_COMMIT)
      commits.push_back(oid);
  }
  return !commits.empty() &&
         git_graph_reachable_from_any(repository_.get(), &id, commits.data(), commits.size()) == 1;
}

void FetchSession::want(const std::string& id) {
  if (!isObjectId(id))
    throw base::Error(base::Errc::invalidArgument,
                      "protocol error: not an object id: " + base::printable(id));
  if (wants_.size() >= kMaxWants)
    throw base::Error(base::Errc::invalidArgument, "too many objects asked for in one fetch");
  // Not a tip: a ref may have moved since the client saw it.
  if (!tips_.contains(id) && !reachable(parseOid(id)))
    throw base::Error(base::Errc::invalidArgument, "upload-pack: not our ref " + id);
  wants_.insert(id);
}

bool FetchSession::have(const std::string& id) {
  if (!isObjectId(id))
    throw base::Error(base::Errc::invalidArgument,
                      "protocol error: not an object id: " + base::printable(id));
  const git_oid oid = parseOid(id);
  if (git_odb_exists_ext(odb_.get(), &oid, GIT_ODB_LOOKUP_NO_REFRESH) == 0) return false;
  std::size_t size = 0;
  git_object_t type = GIT_OBJECT_INVALID;
  checkGit(git_odb_read_header(&size, &type, odb_.get(), &oid), "reading object " + id);
  lastCommon_ = id;
  if (type == GIT_OBJECT_COMMIT && common_.size() < kMaxCommon) common_.insert(id);
  return true;
}

bool FetchSession::ready() {
  if (common_.empty()) return false;
  std::vector<git_oid> common;
  for (const std::string& id : common_)
    common.push_back(parseOid(id));
  return std::all_of(wants_.begin(), wants_.end(), [&](const std::string& want) {
    const git_oid id = parseOid(want);
    git_object* raw = nullptr;
    if (git_object_lookup(&raw, repository_.get(), &id, GIT_OBJECT_ANY) != 0) return false;
    const GitObject object(raw);
    git_object* rawCommit = nullptr;
    if (git_object_peel(&rawCommit, object.get(), GIT_OBJECT_COMMIT) != 0) return true;
    const GitObject commit(rawCommit);
    return std::any_of(common.begin(), common.end(), [&](const git_oid& have) {
      return git_oid_equal(git_object_id(commit.get()), &have) != 0 ||
             git_graph_descendant_of(repository_.get(), git_object_id(commit.get()), &have) == 1;
    });
  });
}

void FetchSession::sendPack(Framing framing) {
  const PackSelection selection{{wants_.begin(), wants_.end()}, {common_.begin(), common_.end()}};
  if (framing == Framing::raw) {
    RawSink sink(context_.io);
    return writePack(repository_.get(), selection, sink, context_.io.clientGone());
  }
  context_.io.useSideBand();
  git::DataBand band(context_.io);
  writePack(repository_.get(), selection, band, context_.io.clientGone());
  band.flush();
  context_.io.write(ChannelIo::Stream::out, git::kFlushPkt);
}

}  // namespace gitd::detail
