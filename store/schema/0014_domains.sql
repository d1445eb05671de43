-- Hosts that people gave to their apps, beside APP.DOMAIN, as they stand in a request: lower case, punycode; "*.example.com" for what lies one
-- level below. A host belongs to one app.
CREATE TABLE domains (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid       TEXT NOT NULL UNIQUE,
  app        INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
  host       TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX domains_by_app ON domains (app, host);

-- Apps that answer with a page of maintenance.
CREATE TABLE maintenance (
  app INTEGER PRIMARY KEY REFERENCES apps (id) ON DELETE CASCADE
) STRICT;
