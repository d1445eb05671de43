-- Config values are sealed (store/detail/config_keys.h): `value` is Base64 of what the key `key` sealed. '' is a value as it was before
-- this file; a start seals those, and then this table has no '' any more. During a rotation it has the old and the new key.
CREATE TABLE config_keys (
  id TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
INSERT INTO config_keys (id) SELECT '' WHERE EXISTS (SELECT 1 FROM release_config);

ALTER TABLE release_config ADD COLUMN key TEXT NOT NULL DEFAULT '';
-- Who sees it.
ALTER TABLE release_config ADD COLUMN scope TEXT NOT NULL DEFAULT 'both' CHECK (scope IN ('both', 'build', 'run'));
