-- Blobs that may have lost their last reference. They are looked at again when a time of grace has passed since a collection saw them first.
CREATE TABLE gc_queue (
  digest  TEXT NOT NULL PRIMARY KEY,
  seen_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TRIGGER gc_after_repository_blobs AFTER DELETE ON repository_blobs BEGIN
  INSERT INTO gc_queue (digest, seen_at) VALUES (old.digest, NULL) ON CONFLICT (digest) DO UPDATE SET seen_at = NULL;
END;
CREATE TRIGGER gc_after_slug_layers AFTER DELETE ON slug_layers BEGIN
  INSERT INTO gc_queue (digest, seen_at) VALUES (old.digest, NULL) ON CONFLICT (digest) DO UPDATE SET seen_at = NULL;
END;
CREATE TRIGGER gc_after_stack_layers AFTER DELETE ON stack_layers BEGIN
  INSERT INTO gc_queue (digest, seen_at) VALUES (old.digest, NULL) ON CONFLICT (digest) DO UPDATE SET seen_at = NULL;
END;
CREATE TRIGGER gc_after_run_image_layers AFTER DELETE ON run_image_layers BEGIN
  INSERT INTO gc_queue (digest, seen_at) VALUES (old.digest, NULL) ON CONFLICT (digest) DO UPDATE SET seen_at = NULL;
END;

CREATE INDEX slug_layers_by_digest ON slug_layers (digest);
CREATE INDEX stack_layers_by_digest ON stack_layers (digest);
CREATE INDEX run_image_layers_by_digest ON run_image_layers (digest);
CREATE INDEX packed_trees_by_digest ON packed_trees (digest);
CREATE INDEX releases_by_manifest ON releases (app, manifest) WHERE manifest IS NOT NULL;

-- When its image and its layers were given up: it stays in the list, and cannot be gone back to.
ALTER TABLE releases ADD COLUMN collected_at INTEGER;
ALTER TABLE slugs ADD COLUMN collected_at INTEGER;
