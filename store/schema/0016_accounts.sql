-- Who may do what: users, and what each may do with the apps of others. Keys, tokens and apps name their user, whose name never changes.
CREATE TABLE users (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid       TEXT NOT NULL UNIQUE,
  name       TEXT NOT NULL UNIQUE,
  role       TEXT NOT NULL CHECK (role IN ('admin', 'member')),
  email      TEXT NOT NULL DEFAULT '',
  created_at INTEGER NOT NULL
) STRICT;

-- Whoever had a key or a token could do everything until now. 'admin' is who works on the server's own machine.
INSERT INTO users (uuid, name, role, created_at)
  SELECT lower(hex(randomblob(4))) || '-' || lower(hex(randomblob(2))) || '-4' || substr(lower(hex(randomblob(2))), 2) || '-'
           || substr('89ab', 1 + (random() & 3), 1) || substr(lower(hex(randomblob(2))), 2) || '-' || lower(hex(randomblob(6))),
         name, 'admin', min(created_at)
  FROM (SELECT user AS name, created_at FROM keys
        UNION ALL SELECT user, created_at FROM tokens
        UNION ALL SELECT owner, created_at FROM apps
        UNION ALL SELECT 'admin', CAST(strftime('%s', 'now') AS INTEGER) * 1000)
  GROUP BY name ORDER BY min(created_at), name;

CREATE TABLE collaborators (
  app        INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
  user       TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
  uuid       TEXT NOT NULL UNIQUE,
  permission TEXT NOT NULL CHECK (permission IN ('view', 'deploy', 'operate', 'manage')),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (app, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX collaborators_by_user ON collaborators (user);
CREATE INDEX apps_by_owner ON apps (owner);

-- A key of one app may deploy that app, and goes with it.
CREATE TABLE keys_of_users (
  fingerprint  TEXT NOT NULL PRIMARY KEY,  -- "SHA256:..."
  uuid         TEXT NOT NULL UNIQUE,
  public_key   TEXT NOT NULL,
  comment      TEXT NOT NULL,
  user         TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
  app          INTEGER REFERENCES apps (id) ON DELETE CASCADE,
  created_at   INTEGER NOT NULL,
  last_used_at INTEGER
) STRICT;
INSERT INTO keys_of_users (fingerprint, uuid, public_key, comment, user, created_at)
  SELECT fingerprint,
         lower(hex(randomblob(4))) || '-' || lower(hex(randomblob(2))) || '-4' || substr(lower(hex(randomblob(2))), 2) || '-'
           || substr('89ab', 1 + (random() & 3), 1) || substr(lower(hex(randomblob(2))), 2) || '-' || lower(hex(randomblob(6))),
         public_key, comment, user, created_at
  FROM keys;
DROP TABLE keys;
ALTER TABLE keys_of_users RENAME TO keys;
CREATE INDEX keys_by_user ON keys (user);
CREATE INDEX keys_by_app ON keys (app) WHERE app IS NOT NULL;

CREATE TABLE tokens_of_users (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again: bearers name it
  user         TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
  description  TEXT NOT NULL,
  secret_hash  TEXT NOT NULL UNIQUE,  -- hex SHA-256; the token itself is nowhere
  kind         TEXT NOT NULL CHECK (kind IN ('full', 'read', 'deploy', 'push', 'pull')),
  app          INTEGER REFERENCES apps (id) ON DELETE CASCADE,
  expires_at   INTEGER,
  created_at   INTEGER NOT NULL,
  last_used_at INTEGER
) STRICT;
INSERT INTO sqlite_sequence (name, seq) SELECT 'tokens_of_users', seq FROM sqlite_sequence WHERE name = 'tokens';
INSERT INTO tokens_of_users (id, user, description, secret_hash, kind, app, expires_at, created_at)
  SELECT id, user, description, secret_hash, kind, app, expires_at, created_at FROM tokens;
DROP TABLE tokens;
ALTER TABLE tokens_of_users RENAME TO tokens;
CREATE INDEX tokens_by_user ON tokens (user);
CREATE INDEX tokens_by_app ON tokens (app) WHERE app IS NOT NULL;
