-- Run images that a stack has or had: a release stays on its own after the stack got another.
CREATE TABLE run_image_layers (
  image      TEXT NOT NULL,
  position   INTEGER NOT NULL,
  media_type TEXT NOT NULL,
  digest     TEXT NOT NULL,
  size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
  diff_id    TEXT NOT NULL,
  PRIMARY KEY (image, position)
) STRICT, WITHOUT ROWID;

INSERT OR IGNORE INTO run_image_layers (image, position, media_type, digest, size_bytes, diff_id)
  SELECT s.run_manifest, l.position, l.media_type, l.digest, l.size_bytes, l.diff_id
  FROM stacks s JOIN stack_layers l ON l.stack = s.name AND l.image = 'run';

-- The manifest of the run image that the release stands on. Releases made before this column are on what their stack has now.
ALTER TABLE releases ADD COLUMN run_image TEXT;
UPDATE releases SET run_image = (SELECT run_manifest FROM stacks WHERE name = releases.stack) WHERE slug IS NOT NULL;

-- The value of STACK in builds; empty for the stack's own name.
ALTER TABLE stacks ADD COLUMN alias TEXT NOT NULL DEFAULT '';
