-- Slugs that were announced (POST /apps/APP/slugs) and have no content yet. When it comes, the row becomes one of slugs with the same uuid.
CREATE TABLE pending_slugs (
  id                 INTEGER PRIMARY KEY,
  uuid               TEXT NOT NULL UNIQUE,
  app                INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
  user               TEXT NOT NULL,
  commit_id          TEXT NOT NULL,
  commit_description TEXT NOT NULL,
  stack              TEXT NOT NULL,
  buildpack          TEXT NOT NULL,
  checksum           TEXT NOT NULL,  -- that the content has to have; '' for none
  created_at         INTEGER NOT NULL,
  expires_at         INTEGER NOT NULL
) STRICT;
CREATE INDEX pending_slugs_by_app ON pending_slugs (app);

CREATE TABLE pending_slug_process_types (
  slug    INTEGER NOT NULL REFERENCES pending_slugs (id) ON DELETE CASCADE,
  name    TEXT NOT NULL,
  command TEXT NOT NULL,
  PRIMARY KEY (slug, name)
) STRICT, WITHOUT ROWID;

ALTER TABLE slugs ADD COLUMN commit_description TEXT NOT NULL DEFAULT '';

CREATE TRIGGER event_pending_slugs_insert AFTER INSERT ON pending_slugs BEGIN
  INSERT INTO event_entry VALUES (new.app, 'slug.create', 'announced the slug ' || new.uuid);
END;
-- A slug that a build made is told with the build.
CREATE TRIGGER event_slugs_insert AFTER INSERT ON slugs WHEN EXISTS (SELECT 1 FROM pending_slugs WHERE uuid = new.uuid) BEGIN
  INSERT INTO event_entry VALUES (new.app, 'slug.upload', 'uploaded the slug ' || new.uuid);
END;
