-- A drain's URL is sealed as config values are: `url` is Base64 of what the key `key` sealed. '' is one as it was before this file; a start
-- seals those.
ALTER TABLE drains ADD COLUMN key TEXT NOT NULL DEFAULT '';
INSERT OR IGNORE INTO config_keys (id) SELECT '' WHERE EXISTS (SELECT 1 FROM drains);
