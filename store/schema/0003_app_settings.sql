-- What an app has set for itself (limits, network policy); what is not here is as the server's settings say.
CREATE TABLE app_settings (
  app   INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
  key   TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (app, key)
) STRICT, WITHOUT ROWID;
