-- What a build is made of: the app's own list of buildpacks, and those that took part in each build.
CREATE TABLE app_buildpacks (
  app      INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  source   TEXT NOT NULL,  -- a name or a URL with #ref, as it was given
  PRIMARY KEY (app, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE build_buildpacks (
  build       INTEGER NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
  position    INTEGER NOT NULL,
  name        TEXT NOT NULL,
  description TEXT NOT NULL,
  url         TEXT NOT NULL,  -- without credentials; '' for one that is on the server
  version     TEXT NOT NULL,  -- commit or digest; '' for one that is on the server
  report      TEXT NOT NULL,
  PRIMARY KEY (build, position)
) STRICT, WITHOUT ROWID;

ALTER TABLE builds ADD COLUMN stack_image TEXT NOT NULL DEFAULT '';  -- manifest of the build image
