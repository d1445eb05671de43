-- What can be pushed, not only what releases make. A blob can be read only through a repository that holds it: it was uploaded or mounted there, or came with
-- an image that was made here. That a manifest names a blob is not enough: anybody who may push could name what is not theirs.
CREATE TABLE repository_blobs (
  repository INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
  digest     TEXT NOT NULL,
  size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (repository, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX repository_blobs_by_digest ON repository_blobs (digest, repository);
INSERT OR IGNORE INTO repository_blobs (repository, digest, size_bytes, created_at) SELECT repository, digest, size_bytes, 0 FROM manifest_blobs;

-- An index's manifests.
CREATE TABLE manifest_children (
  repository INTEGER NOT NULL,
  manifest   TEXT NOT NULL,
  position   INTEGER NOT NULL,
  digest     TEXT NOT NULL,
  PRIMARY KEY (repository, manifest, position),
  FOREIGN KEY (repository, manifest) REFERENCES manifests (repository, digest) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_children_by_digest ON manifest_children (repository, digest);

-- Manifests with a subject, which need not exist, as they are listed: in the order of this key.
CREATE TABLE referrers (
  repository    INTEGER NOT NULL,
  subject       TEXT NOT NULL,
  manifest      TEXT NOT NULL,
  media_type    TEXT NOT NULL,
  size_bytes    INTEGER NOT NULL,
  artifact_type TEXT NOT NULL,  -- '' for none
  annotations   TEXT NOT NULL,  -- a JSON object, or ''
  PRIMARY KEY (repository, subject, manifest),
  FOREIGN KEY (repository, manifest) REFERENCES manifests (repository, digest) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX referrers_by_manifest ON referrers (repository, manifest);

ALTER TABLE manifests ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;

-- Uploads of which some bytes are durable in blobs/sessions/UUID; there may be more behind them in the file, which count for nothing.
CREATE TABLE uploads (
  uuid       TEXT NOT NULL PRIMARY KEY,
  repository TEXT NOT NULL,
  algorithm  TEXT NOT NULL,
  size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
  created_at INTEGER NOT NULL,
  touched_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
