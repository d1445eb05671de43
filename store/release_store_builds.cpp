// Builds: one run each, from queued to an end.
#include "base/strings.h"
#include "store/detail/release_store_state.h"

namespace store {
namespace {

using base::Errc;
using base::Error;
using detail::Connection;
using detail::Rows;

// The columns of builds in buildAt()'s order, with the condition to come.
#define FAIRLEAD_SELECT_BUILD                                                                         \
  "SELECT id, uuid, app, number, state, commit_id, ref, user, buildpack, failure, slug, created_at, " \
  "finished_at, stack_image, source_url, source_checksum, source_description "                        \
  "FROM builds "

BuildState parseBuildState(const std::string& text) {
  for (const auto state : {BuildState::queued, BuildState::building, BuildState::succeeded,
                           BuildState::failed, BuildState::cancelled}) {
    if (text == name(state)) return state;
  }
  throw Error(Errc::corrupt, "database: a stored build state is damaged");
}

bool isUnderWay(BuildState state) {
  return state == BuildState::queued || state == BuildState::building;
}

Build buildAt(const Rows& rows) {
  Build build{.id = rows.integer(0),
              .uuid = rows.text(1),
              .app = rows.integer(2),
              .number = rows.integer(3),
              .state = parseBuildState(rows.text(4)),
              .commit = rows.text(5),
              .ref = rows.text(6),
              .user = rows.text(7),
              .buildpack = rows.text(8),
              .failure = rows.text(9),
              .slug = rows.integer(10),
              .createdAt = detail::timeAt(rows, 11)};
  if (!rows.isNull(12)) build.finishedAt = detail::timeAt(rows, 12);
  build.stackImage = Digest::tryParse(rows.text(13));
  if (build.ref.empty())
    build.tarball = TarballSource{rows.text(14), Digest::tryParse(rows.text(15)), rows.text(16)};
  return build;
}

std::vector<BuildpackUse> selectBuildpacks(Connection& connection, std::int64_t build) {
  std::vector<BuildpackUse> found;
  Rows rows = connection.query(
      "SELECT name, description, url, version, report FROM build_buildpacks WHERE build = ?1 ORDER BY "
      "position",
      build);
  while (rows.next())
    found.push_back({rows.text(0), rows.text(1), rows.text(2), rows.text(3), rows.text(4)});
  return found;
}

/// All builds of a query, with their phases and buildpacks.
std::vector<Build> collect(Connection& connection, Rows rows) {
  std::vector<Build> builds;
  while (rows.next())
    builds.push_back(buildAt(rows));
  for (Build& build : builds) {
    Rows phases = connection.query("SELECT name, duration_ms FROM build_phases WHERE build = ?1", build.id);
    while (phases.next())
      build.phaseMs.emplace(phases.text(0), phases.integer(1));
    build.buildpacks = selectBuildpacks(connection, build.id);
  }
  return builds;
}

Build requireBuild(Connection& connection, std::int64_t id) {
  auto found = collect(connection, connection.query(FAIRLEAD_SELECT_BUILD "WHERE id = ?1", id));
  if (found.empty()) throw Error(Errc::notFound, "There is no build with id " + std::to_string(id));
  return std::move(found.front());
}

[[noreturn]] void throwNotNow(const Build& build) {
  const std::string already = isUnderWay(build.state) ? "is already " : "has already ended: ";
  throw Error(Errc::conflict,
              "Build " + std::to_string(build.number) + " " + already + std::string(name(build.state)));
}

}  // namespace

void detail::succeedBuild(Connection& connection, AppId app, std::int64_t build,
                          std::optional<std::int64_t> slug, Time now) {
  const Build current = requireBuild(connection, build);
  if (current.app != app) throw Error(Errc::invalidArgument, "The build belongs to another app");
  if (!isUnderWay(current.state)) throwNotNow(current);
  connection.execute("UPDATE builds SET state = 'succeeded', slug = ?2, finished_at = ?3 WHERE id = ?1",
                     build, slug, now);
}

Build ReleaseStore::createBuild(const NewBuild& build) {
  Build created{.uuid = base::randomUuid(),
                .app = build.app,
                .commit = build.commit,
                .ref = build.ref,
                .tarball = build.tarball,
                .user = build.user,
                .createdAt = state_->clock.now()};
  const TarballSource tarball = build.tarball.value_or(TarballSource{});
  return state_->write([&](Connection& connection) {
    detail::requireApp(connection, build.app);
    {
      Rows rows = connection.query(
          "UPDATE apps SET last_build = last_build + 1 WHERE id = ?1 RETURNING last_build", build.app);
      CHECK(rows.next());
      created.number = rows.integer(0);
      while (rows.next()) {
      }
    }
    connection.execute(
        "INSERT INTO builds (uuid, app, number, state, commit_id, ref, user, created_at, source_url, "
        "source_checksum, source_description) VALUES (?1, ?2, ?3, 'queued', ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        created.uuid, created.app, created.number, created.commit, created.ref, created.user,
        created.createdAt, tarball.url, tarball.checksum ? tarball.checksum->str() : std::string(),
        tarball.description);
    created.id = connection.lastInsertId();
    return created;
  });
}

Build ReleaseStore::getBuild(std::int64_t id) {
  return state_->read([&](Connection& connection) { return requireBuild(connection, id); });
}

Build ReleaseStore::getBuild(AppId app, std::int64_t number) {
  return state_->read([&](Connection& connection) {
    auto found = collect(
        connection, connection.query(FAIRLEAD_SELECT_BUILD "WHERE app = ?1 AND number = ?2", app, number));
    if (found.empty()) throw Error(Errc::notFound, "There is no build " + std::to_string(number));
    return std::move(found.front());
  });
}

std::optional<Build> ReleaseStore::findBuild(AppId app, const std::string& uuid) {
  return state_->read([&](Connection& connection) -> std::optional<Build> {
    auto found = collect(connection,
                         connection.query(FAIRLEAD_SELECT_BUILD "WHERE app = ?1 AND uuid = ?2", app, uuid));
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
  });
}

std::vector<Build> ReleaseStore::builds(AppId app, std::size_t limit) {
  return state_->read([&](Connection& connection) {
    return collect(connection,
                   connection.query(FAIRLEAD_SELECT_BUILD "WHERE app = ?1 ORDER BY number DESC LIMIT ?2", app,
                                    detail::rowLimit(limit)));
  });
}

void ReleaseStore::startBuild(std::int64_t id) {
  state_->note([&](Connection& connection) {
    const Build build = requireBuild(connection, id);
    if (build.state != BuildState::queued) throwNotNow(build);
    connection.execute("UPDATE builds SET state = 'building' WHERE id = ?1", id);
  });
}

void ReleaseStore::setBuildpacksUsed(std::int64_t id, const std::vector<BuildpackUse>& buildpacks) {
  std::vector<std::string> descriptions;
  for (const BuildpackUse& each : buildpacks)
    descriptions.push_back(each.description);
  state_->note([&](Connection& connection) {
    requireBuild(connection, id);
    connection.execute("UPDATE builds SET buildpack = ?2 WHERE id = ?1", id, base::join(descriptions, ", "));
    connection.execute("DELETE FROM build_buildpacks WHERE build = ?1", id);
    int position = 0;
    for (const BuildpackUse& each : buildpacks) {
      connection.execute(
          "INSERT INTO build_buildpacks (build, position, name, description, url, version, report) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
          id, position++, each.name, each.description, each.url, each.version, each.report);
    }
  });
}

void ReleaseStore::setStackImage(std::int64_t id, const Digest& manifest) {
  state_->note([&](Connection& connection) {
    connection.execute("UPDATE builds SET stack_image = ?2 WHERE id = ?1", id, manifest);
  });
}

std::optional<Build> ReleaseStore::findBuildOfSlug(std::int64_t slug) {
  return state_->read([&](Connection& connection) -> std::optional<Build> {
    auto found = collect(connection, connection.query(FAIRLEAD_SELECT_BUILD "WHERE slug = ?1", slug));
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
  });
}

void ReleaseStore::setBuildPhases(std::int64_t id, const std::map<std::string, std::int64_t>& phaseMs) {
  state_->note([&](Connection& connection) {
    requireBuild(connection, id);
    connection.execute("DELETE FROM build_phases WHERE build = ?1", id);
    for (const auto& [phase, duration] : phaseMs) {
      connection.execute("INSERT INTO build_phases (build, name, duration_ms) VALUES (?1, ?2, ?3)", id, phase,
                         duration);
    }
  });
}

void ReleaseStore::endBuild(std::int64_t id, BuildState state, const std::string& failure) {
  // Success has one way in: the transaction of its release.
  CHECK(state == BuildState::failed || state == BuildState::cancelled);
  const Time now = state_->clock.now();
  state_->write([&](Connection& connection) {
    const Build build = requireBuild(connection, id);
    if (!isUnderWay(build.state)) throwNotNow(build);
    connection.execute("UPDATE builds SET state = ?2, failure = ?3, finished_at = ?4 WHERE id = ?1", id,
                       std::string(name(state)), failure, now);
  });
}

std::vector<Build> ReleaseStore::failInterruptedBuilds() {
  const Time now = state_->clock.now();
  return state_->write([&](Connection& connection) {
    auto interrupted =
        collect(connection,
                connection.query(FAIRLEAD_SELECT_BUILD "WHERE state IN ('queued', 'building') ORDER BY id"));
    connection.execute(
        "UPDATE builds SET state = 'failed', failure = 'interrupted', finished_at = ?1 "
        "WHERE state IN ('queued', 'building')",
        now);
    return interrupted;
  });
}

}  // namespace store
