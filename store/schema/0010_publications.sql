-- Releases that are also to go to a registry elsewhere. A row is the job and, when it is done, the record of it.
CREATE TABLE publications (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  release     INTEGER NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
  target      TEXT NOT NULL,  -- HOST/NAME
  state       TEXT NOT NULL CHECK (state IN ('pending', 'succeeded', 'failed')),
  attempts    INTEGER NOT NULL DEFAULT 0,
  next_at     INTEGER NOT NULL,  -- when a pending one is tried next
  message     TEXT NOT NULL DEFAULT '',  -- of the last failure
  requested_at INTEGER NOT NULL,
  finished_at INTEGER,
  UNIQUE (release, target)
) STRICT;
CREATE INDEX publications_due ON publications (next_at) WHERE state = 'pending';
CREATE INDEX publications_by_target ON publications (target, release) WHERE state = 'succeeded';
