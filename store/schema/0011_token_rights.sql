-- What a token is for: everything ('full'), or only the registry: to push and pull, or only to pull. Of all apps or of one, with which it goes; and until when.
ALTER TABLE tokens ADD COLUMN kind TEXT NOT NULL DEFAULT 'full' CHECK (kind IN ('full', 'push', 'pull'));
ALTER TABLE tokens ADD COLUMN app INTEGER REFERENCES apps (id) ON DELETE CASCADE;
ALTER TABLE tokens ADD COLUMN expires_at INTEGER;
CREATE INDEX tokens_by_app ON tokens (app) WHERE app IS NOT NULL;
