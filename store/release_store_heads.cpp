// Releases as lists show them.
#include "store/detail/release_store_state.h"

namespace store {
namespace {

using base::Errc;
using base::Error;
using detail::Connection;
using detail::Rows;

// detail::releaseAt()'s columns, then the slug's.
#define FAIRLEAD_SELECT_HEAD                                                                                 \
  "SELECT r.id, r.uuid, r.app, r.version, r.slug, r.stack, r.description, r.user, r.manifest, r.state, "     \
  "r.created_at, r.run_image, s.uuid, s.commit_id, s.buildpack, s.size_bytes, s.collected_at FROM releases " \
  "r LEFT JOIN slugs s ON s.id = r.slug "

ReleaseHead headAt(const Rows& rows) {
  constexpr int kSlug = 12;
  constexpr int kCommit = 13;
  constexpr int kBuildpack = 14;
  constexpr int kSize = 15;
  constexpr int kCollected = 16;
  ReleaseHead head{.release = detail::releaseAt(rows)};
  if (rows.isNull(kSlug)) return head;
  head.slugUuid = rows.text(kSlug);
  head.commit = rows.text(kCommit);
  head.buildpack = rows.text(kBuildpack);
  head.slugBytes = static_cast<std::uint64_t>(rows.integer(kSize));
  head.collected = !rows.isNull(kCollected);
  return head;
}

std::vector<ReleaseHead> collectHeads(Rows rows) {
  std::vector<ReleaseHead> heads;
  while (rows.next())
    heads.push_back(headAt(rows));
  return heads;
}

}  // namespace

std::vector<ReleaseHead> ReleaseStore::releaseHeads(AppId app, const ReleaseRange& range) {
  const std::string_view sql =
      range.order == ReleaseRange::Order::newestFirst ? FAIRLEAD_SELECT_HEAD
          "WHERE r.app = ?1 AND r.version BETWEEN ?2 AND ?3 ORDER BY r.version DESC LIMIT ?4"
                                                      : FAIRLEAD_SELECT_HEAD
          "WHERE r.app = ?1 AND r.version BETWEEN ?2 AND ?3 ORDER BY r.version LIMIT ?4";
  return state_->read([&](Connection& connection) {
    return collectHeads(connection.query(sql, app, range.first, range.last, detail::rowLimit(range.limit)));
  });
}

ReleaseHead ReleaseStore::currentHead(AppId app) {
  return state_->read([&](Connection& connection) {
    auto found = collectHeads(connection.query(
        FAIRLEAD_SELECT_HEAD "WHERE r.app = ?1 AND r.state <> 'failed' ORDER BY r.version DESC LIMIT 1",
        app));
    if (found.empty()) throw Error(Errc::notFound, "There is no app with id " + std::to_string(app));
    return std::move(found.front());
  });
}

std::optional<ReleaseHead> ReleaseStore::findReleaseHead(AppId app, const std::string& uuid) {
  return state_->read([&](Connection& connection) -> std::optional<ReleaseHead> {
    auto found =
        collectHeads(connection.query(FAIRLEAD_SELECT_HEAD "WHERE r.app = ?1 AND r.uuid = ?2", app, uuid));
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
  });
}

}  // namespace store
