-- What an app runs at its times: app.json's "cron", as JSON; '' for none.
ALTER TABLE slugs ADD COLUMN cron TEXT NOT NULL DEFAULT '';

-- Up to when an entry's times were looked at: a run is entered with its new mark in one transaction, so that no kill and no clock that goes back has one twice.
CREATE TABLE cron_marks (
  app      INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
  schedule TEXT NOT NULL,
  command  TEXT NOT NULL,
  seen     INTEGER NOT NULL,
  PRIMARY KEY (app, schedule, command)
) STRICT, WITHOUT ROWID;

CREATE TABLE cron_runs (
  id        INTEGER PRIMARY KEY,
  app       INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
  number    INTEGER NOT NULL,       -- 1, 2, ... within the app: its process is cron.NUMBER
  schedule  TEXT NOT NULL,
  command   TEXT NOT NULL,
  due       INTEGER NOT NULL,
  user      TEXT NOT NULL,          -- who asked for it, or '' for the schedule
  state     TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'succeeded', 'failed', 'timed out', 'skipped', 'missed', 'cancelled')),
  app_name  TEXT NOT NULL,          -- of the app when it started, by which its process is known; '' before
  started   INTEGER,
  ended     INTEGER,
  exit_code INTEGER,
  note      TEXT NOT NULL,
  UNIQUE (app, number)
) STRICT;
CREATE INDEX cron_runs_under_way ON cron_runs (state, id) WHERE state IN ('waiting', 'running');
