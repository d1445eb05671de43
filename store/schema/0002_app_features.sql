-- Switches of an app that are on; what is not here is off.
CREATE TABLE app_features (
  app  INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  PRIMARY KEY (app, name)
) STRICT, WITHOUT ROWID;
