-- Where the lines of an app's log go beside its files.
CREATE TABLE drains (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid       TEXT NOT NULL UNIQUE,
  app        INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
  url        TEXT NOT NULL,  -- may hold a password
  token      TEXT NOT NULL,  -- "d.UUID": by which a receiver tells drains apart
  created_at INTEGER NOT NULL,
  UNIQUE (app, url)
) STRICT;
