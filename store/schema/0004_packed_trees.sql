-- Layers by what was packed into them: a tree that was packed before, for whatever app, is not packed again. A row whose blob is gone means nothing.
CREATE TABLE packed_trees (
  tree       TEXT NOT NULL PRIMARY KEY,  -- digest over the tree and how it was packed
  media_type TEXT NOT NULL,
  digest     TEXT NOT NULL,
  size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
  diff_id    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Of the whole download: filled in when somebody first asks for it. A slug of one layer has the layer's.
ALTER TABLE slugs ADD COLUMN checksum TEXT NOT NULL DEFAULT '';
