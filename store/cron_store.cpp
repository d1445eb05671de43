#include "store/cron_store.h"

#include <algorithm>
#include <array>

#include "store/detail/release_store_state.h"

namespace store {
namespace {

using base::Errc;
using base::Error;
using detail::Connection;
using detail::Rows;

constexpr std::array kStates{CronState::waiting, CronState::running,  CronState::succeeded,
                             CronState::failed,  CronState::timedOut, CronState::skipped,
                             CronState::missed,  CronState::cancelled};

// The columns in runAt()'s order, with the condition to come.
#define FAIRLEAD_SELECT_RUN                                                                                 \
  "SELECT id, app, number, schedule, command, due, user, state, app_name, started, ended, exit_code, note " \
  "FROM cron_runs "

CronState stateAt(const Rows& rows, int column) {
  const std::string text = rows.text(column);
  for (const CronState state : kStates)
    if (name(state) == text) return state;
  throw Error(Errc::corrupt, "a run of cron has an unknown state");
}

std::optional<Time> timeOrNull(const Rows& rows, int column) {
  if (rows.isNull(column)) return std::nullopt;
  return detail::timeAt(rows, column);
}

CronRun runAt(const Rows& rows) {
  CronRun run{.id = rows.integer(0),
              .app = rows.integer(1),
              .number = rows.integer(2),
              .schedule = rows.text(3),
              .command = rows.text(4),
              .due = detail::timeAt(rows, 5),
              .user = rows.text(6),
              .state = stateAt(rows, 7),
              .appName = rows.text(8),
              .started = timeOrNull(rows, 9),
              .ended = timeOrNull(rows, 10),
              .exitCode = std::nullopt,
              .note = rows.text(12)};
  if (!rows.isNull(11)) run.exitCode = static_cast<int>(rows.integer(11));
  return run;
}

std::optional<CronRun> oneOf(Rows rows) {
  if (!rows.next()) return std::nullopt;
  return runAt(rows);
}

std::vector<CronRun> allOf(Rows rows) {
  std::vector<CronRun> runs;
  while (rows.next())
    runs.push_back(runAt(rows));
  return runs;
}

// With the condition to come.
#define FAIRLEAD_SELECT_PLAN                                                                            \
  "SELECT a.id, r.version, s.cron, EXISTS (SELECT 1 FROM app_settings t WHERE t.app = a.id AND "        \
  "t.key = 'cron_suspended') FROM apps a JOIN releases r ON r.app = a.id AND r.version = (SELECT "      \
  "max(version) FROM releases WHERE app = a.id AND state = 'succeeded') JOIN slugs s ON s.id = r.slug " \
  "WHERE "                                                                                              \
  "s.cron <> '' "

std::vector<CronPlan> plansOf(Rows rows) {
  std::vector<CronPlan> plans;
  while (rows.next())
    plans.push_back({.app = rows.integer(0),
                     .release = {rows.integer(1)},
                     .cron = rows.text(2),
                     .suspended = rows.integer(3) != 0});
  return plans;
}

void setMark(Connection& connection, const CronKey& entry, Time seen) {
  connection.execute(
      "INSERT INTO cron_marks (app, schedule, command, seen) VALUES (?1, ?2, ?3, ?4) "
      "ON CONFLICT DO UPDATE SET seen = excluded.seen",
      std::get<0>(entry), std::get<1>(entry), std::get<2>(entry), seen);
}

/// Why the run cannot be one more of its entry; empty: it can.
std::string obstacle(Connection& connection, const NewCronRun& wanted) {
  Rows rows = connection.query(
      FAIRLEAD_SELECT_RUN
      "WHERE app = ?1 AND schedule = ?2 AND command = ?3 AND state IN ('waiting', 'running') "
      "ORDER BY state = 'running', id LIMIT 1",
      wanted.app, wanted.schedule, wanted.command);
  const auto other = oneOf(std::move(rows));
  if (!other) return "";
  if (other->state == CronState::waiting) return other->process() + " still waits";
  return wanted.overlap ? "" : other->process() + " still runs";
}

}  // namespace

std::string_view name(CronState state) noexcept {
  switch (state) {
    case CronState::waiting:
      return "waiting";
    case CronState::running:
      return "running";
    case CronState::succeeded:
      return "succeeded";
    case CronState::failed:
      return "failed";
    case CronState::timedOut:
      return "timed out";
    case CronState::skipped:
      return "skipped";
    case CronState::missed:
      return "missed";
    case CronState::cancelled:
      break;
  }
  return "cancelled";
}

std::vector<CronPlan> CronStore::plans() {
  return store_.state_->read([&](Connection& connection) {
    return plansOf(connection.query(FAIRLEAD_SELECT_PLAN "ORDER BY a.id"));
  });
}

std::optional<CronPlan> CronStore::plan(AppId app) {
  return store_.state_->read([&](Connection& connection) -> std::optional<CronPlan> {
    auto found = plansOf(connection.query(FAIRLEAD_SELECT_PLAN "AND a.id = ?1", app));
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
  });
}

std::map<CronKey, Time> CronStore::marks() {
  return store_.state_->read([&](Connection& connection) {
    std::map<CronKey, Time> marks;
    Rows rows = connection.query("SELECT app, schedule, command, seen FROM cron_marks");
    while (rows.next())
      marks.emplace(CronKey(rows.integer(0), rows.text(1), rows.text(2)), detail::timeAt(rows, 3));
    return marks;
  });
}

void CronStore::mark(const CronKey& entry, Time seen) {
  store_.state_->write([&](Connection& connection) {
    detail::requireApp(connection, std::get<0>(entry));
    setMark(connection, entry, seen);
  });
}

void CronStore::unmark(const CronKey& entry) {
  store_.state_->write([&](Connection& connection) {
    connection.execute("DELETE FROM cron_marks WHERE app = ?1 AND schedule = ?2 AND command = ?3",
                       std::get<0>(entry), std::get<1>(entry), std::get<2>(entry));
  });
}

CronRun CronStore::enter(const NewCronRun& wanted) {
  CronRun run{.app = wanted.app,
              .schedule = wanted.schedule,
              .command = wanted.command,
              .due = wanted.due,
              .user = wanted.user,
              .state = wanted.state,
              .appName = {},
              .started = std::nullopt,
              .ended = std::nullopt,
              .exitCode = std::nullopt,
              .note = wanted.note};
  return store_.state_->write([&](Connection& connection) {
    const App app = detail::requireApp(connection, wanted.app);
    const std::string other = wanted.state == CronState::missed ? "" : obstacle(connection, wanted);
    if (!other.empty() && !wanted.user.empty())
      throw Error(
          Errc::conflict,
          other + ", and is of the same entry: fairlead cron:history shows its end, run:stop ends it");
    if (!other.empty()) {
      run.state = CronState::skipped;
      run.note = other;
    }
    Rows last = connection.query("SELECT coalesce(max(number), 0) FROM cron_runs WHERE app = ?1", wanted.app);
    last.next();
    run.number = last.integer(0) + 1;
    if (run.state == CronState::running) {
      run.appName = app.name.str();
      run.started = store_.state_->clock.now();
    }
    connection.execute(
        "INSERT INTO cron_runs (app, number, schedule, command, due, user, state, app_name, started, note) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        run.app, run.number, run.schedule, run.command, run.due, run.user, name(run.state), run.appName,
        run.started, run.note);
    run.id = connection.lastInsertId();
    connection.execute(
        "DELETE FROM cron_runs WHERE app = ?1 AND number <= ?2 AND state NOT IN ('waiting', 'running')",
        run.app, run.number - detail::rowLimit(keep_));
    if (wanted.seen) setMark(connection, {run.app, run.schedule, run.command}, *wanted.seen);
    return run;
  });
}

bool CronStore::begin(std::int64_t id, std::size_t most) {
  return store_.state_->write([&](Connection& connection) {
    return connection.execute(
               "UPDATE cron_runs SET state = 'running', note = '', started = ?2, "
               "app_name = (SELECT name FROM apps WHERE id = app) WHERE id = ?1 AND state = 'waiting' AND "
               "(SELECT count(*) FROM cron_runs WHERE state = 'running') < ?3",
               id, store_.state_->clock.now(), detail::rowLimit(most)) > 0;
  });
}

void CronStore::putBack(std::int64_t id, const std::string& why) {
  store_.state_->write([&](Connection& connection) {
    connection.execute(
        "UPDATE cron_runs SET state = 'waiting', app_name = '', started = NULL, note = ?2 "
        "WHERE id = ?1 AND state = 'running'",
        id, why);
  });
}

void CronStore::end(std::int64_t id, CronState state, std::optional<int> exitCode, const std::string& note) {
  store_.state_->write([&](Connection& connection) {
    connection.execute(
        "UPDATE cron_runs SET state = ?2, exit_code = ?3, note = ?4, ended = ?5 "
        "WHERE id = ?1 AND state IN ('waiting', 'running')",
        id, name(state), exitCode, note, store_.state_->clock.now());
  });
}

std::optional<CronRun> CronStore::find(std::int64_t id) {
  return store_.state_->read([&](Connection& connection) {
    return oneOf(connection.query(FAIRLEAD_SELECT_RUN "WHERE id = ?1", id));
  });
}

std::optional<CronRun> CronStore::findRunning(const std::string& appName, std::int64_t number) {
  return store_.state_->read([&](Connection& connection) {
    return oneOf(connection.query(
        FAIRLEAD_SELECT_RUN "WHERE state = 'running' AND app_name = ?1 AND number = ?2", appName, number));
  });
}

std::vector<CronRun> CronStore::inState(CronState state) {
  return store_.state_->read([&](Connection& connection) {
    return allOf(connection.query(FAIRLEAD_SELECT_RUN "WHERE state = ?1 ORDER BY id", name(state)));
  });
}

std::vector<CronRun> CronStore::history(AppId app, std::size_t limit) {
  return store_.state_->read([&](Connection& connection) {
    return allOf(connection.query(FAIRLEAD_SELECT_RUN "WHERE app = ?1 ORDER BY number DESC LIMIT ?2", app,
                                  detail::rowLimit(limit)));
  });
}

std::optional<CronRun> CronStore::newest(const CronKey& entry) {
  return store_.state_->read([&](Connection& connection) {
    return oneOf(connection.query(
        FAIRLEAD_SELECT_RUN "WHERE app = ?1 AND schedule = ?2 AND command = ?3 ORDER BY number DESC LIMIT 1",
        std::get<0>(entry), std::get<1>(entry), std::get<2>(entry)));
  });
}

}  // namespace store
