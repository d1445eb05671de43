-- The first schema. Applied once, in one transaction, which also sets user_version to 1.
-- A migration is never edited after it has been released: a change is a new file, NNNN_name.sql.
--
-- Times are milliseconds since 1970 (UTC). Digests are "sha256:<64 hex>". Lists and maps of a value are rows of a table of their own,
-- not JSON: they stay byte-exact whatever is in them, and foreign keys hold. Everything that belongs to an app goes with it (ON DELETE CASCADE).

CREATE TABLE apps (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again: other parts of the server may still hold one
  uuid          TEXT NOT NULL UNIQUE,
  name          TEXT NOT NULL UNIQUE,
  stack         TEXT NOT NULL,
  owner         TEXT NOT NULL,
  deploy_branch TEXT NOT NULL DEFAULT '',           -- full ref name, '' before the first push
  last_version  INTEGER NOT NULL DEFAULT 0,         -- newest release's number: a number is never given twice
  last_build    INTEGER NOT NULL DEFAULT 0,         -- newest build's number
  created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE keys (
  fingerprint TEXT NOT NULL PRIMARY KEY,  -- "SHA256:..."
  public_key  TEXT NOT NULL,
  comment     TEXT NOT NULL,
  user        TEXT NOT NULL,
  created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE tokens (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  user        TEXT NOT NULL,
  description TEXT NOT NULL,
  secret_hash TEXT NOT NULL UNIQUE,  -- hex SHA-256; the token itself is nowhere
  created_at  INTEGER NOT NULL
) STRICT;

-- A build's packed result: layers, bottom first, and what the buildpack said about running them.
CREATE TABLE slugs (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid       TEXT NOT NULL UNIQUE,
  app        INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
  commit_id  TEXT NOT NULL,
  stack      TEXT NOT NULL,
  buildpack  TEXT NOT NULL,
  size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),  -- compressed, all layers
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX slugs_by_app ON slugs (app, id);

CREATE TABLE slug_layers (
  slug       INTEGER NOT NULL REFERENCES slugs (id) ON DELETE CASCADE,
  position   INTEGER NOT NULL,
  media_type TEXT NOT NULL,
  digest     TEXT NOT NULL,
  size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
  diff_id    TEXT NOT NULL,  -- digest of the uncompressed tar
  PRIMARY KEY (slug, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE slug_process_types (
  slug    INTEGER NOT NULL REFERENCES slugs (id) ON DELETE CASCADE,
  name    TEXT NOT NULL,
  command TEXT NOT NULL,
  PRIMARY KEY (slug, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE slug_config (
  slug  INTEGER NOT NULL REFERENCES slugs (id) ON DELETE CASCADE,
  name  TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (slug, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE builds (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid        TEXT NOT NULL UNIQUE,
  app         INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
  number      INTEGER NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('queued', 'building', 'succeeded', 'failed', 'cancelled')),
  commit_id   TEXT NOT NULL,
  ref         TEXT NOT NULL,
  user        TEXT NOT NULL,
  buildpack   TEXT NOT NULL DEFAULT '',
  failure     TEXT NOT NULL DEFAULT '',
  slug        INTEGER REFERENCES slugs (id),
  created_at  INTEGER NOT NULL,
  finished_at INTEGER,
  UNIQUE (app, number)
) STRICT;
CREATE INDEX builds_by_slug ON builds (slug) WHERE slug IS NOT NULL;
CREATE INDEX builds_under_way ON builds (state) WHERE state IN ('queued', 'building');

CREATE TABLE build_phases (
  build       INTEGER NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
  name        TEXT NOT NULL,
  duration_ms INTEGER NOT NULL,
  PRIMARY KEY (build, name)
) STRICT, WITHOUT ROWID;

-- Immutable but for `state`. `build` is the build whose success this release is: such a release decides what the git ref says.
CREATE TABLE releases (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid        TEXT NOT NULL UNIQUE,
  app         INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
  version     INTEGER NOT NULL CHECK (version >= 1),
  slug        INTEGER REFERENCES slugs (id),
  build       INTEGER REFERENCES builds (id),
  stack       TEXT NOT NULL,
  description TEXT NOT NULL,
  user        TEXT NOT NULL,
  manifest    TEXT,
  state       TEXT NOT NULL CHECK (state IN ('pending', 'succeeded', 'failed')),
  created_at  INTEGER NOT NULL,
  UNIQUE (app, version)
) STRICT;
CREATE INDEX releases_by_slug ON releases (slug) WHERE slug IS NOT NULL;
CREATE INDEX releases_by_build ON releases (build) WHERE build IS NOT NULL;

-- The whole environment of a release, not the difference to the one before: a rollback copies rows and needs no history.
CREATE TABLE release_config (
  release INTEGER NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
  name    TEXT NOT NULL,
  value   TEXT NOT NULL,
  PRIMARY KEY (release, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE formations (
  app          INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
  process_type TEXT NOT NULL,
  quantity     INTEGER NOT NULL CHECK (quantity >= 0),
  PRIMARY KEY (app, process_type)
) STRICT, WITHOUT ROWID;

CREATE TABLE stacks (
  name           TEXT NOT NULL PRIMARY KEY,
  build_manifest TEXT NOT NULL,
  run_manifest   TEXT NOT NULL,
  created_at     INTEGER NOT NULL
) STRICT;

CREATE TABLE stack_layers (
  stack      TEXT NOT NULL REFERENCES stacks (name) ON DELETE CASCADE,
  image      TEXT NOT NULL CHECK (image IN ('build', 'run')),
  position   INTEGER NOT NULL,
  media_type TEXT NOT NULL,
  digest     TEXT NOT NULL,
  size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
  diff_id    TEXT NOT NULL,
  PRIMARY KEY (stack, image, position)
) STRICT, WITHOUT ROWID;

-- The registry. A repository with an app's name belongs to that app and goes with it.
CREATE TABLE repositories (
  id   INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  app  INTEGER REFERENCES apps (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX repositories_by_app ON repositories (app) WHERE app IS NOT NULL;

CREATE TABLE manifests (
  repository INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
  digest     TEXT NOT NULL,
  media_type TEXT NOT NULL,
  bytes      BLOB NOT NULL,
  PRIMARY KEY (repository, digest)
) STRICT;

-- What a manifest needs. A blob can be read only through a repository with such a row.
CREATE TABLE manifest_blobs (
  repository INTEGER NOT NULL,
  manifest   TEXT NOT NULL,
  position   INTEGER NOT NULL,
  media_type TEXT NOT NULL,
  digest     TEXT NOT NULL,
  size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
  PRIMARY KEY (repository, manifest, position),
  FOREIGN KEY (repository, manifest) REFERENCES manifests (repository, digest) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_blobs_by_digest ON manifest_blobs (repository, digest);

CREATE TABLE tags (
  repository INTEGER NOT NULL,
  name       TEXT NOT NULL,
  manifest   TEXT NOT NULL,
  PRIMARY KEY (repository, name),
  FOREIGN KEY (repository, manifest) REFERENCES manifests (repository, digest) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_by_manifest ON tags (repository, manifest);
