-- Who changed what: a row for every change, written by triggers in the change's own transaction, so that none can be forgotten. Values of config never get here.
-- The functions event_at(), event_actor(), event_via() and event_keep() are the program's (store/detail/sqlite.cpp): the actor is that of the thread that asked.
CREATE TABLE events (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again: whoever follows goes on from one
  at       INTEGER NOT NULL,
  actor    TEXT NOT NULL,    -- user, or '' for the server itself
  via      TEXT NOT NULL,    -- "socket", "SHA256:...", "token 12", or ''
  app      INTEGER,          -- these three stay when the app is gone; NULL and '' for none
  app_uuid TEXT NOT NULL,
  app_name TEXT NOT NULL,
  kind     TEXT NOT NULL,
  sentence TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_app ON events (app, id) WHERE app IS NOT NULL;

CREATE TRIGGER events_trim AFTER INSERT ON events WHEN new.id % 1000 = 0 BEGIN
  DELETE FROM events WHERE id <= new.id - event_keep();
END;

-- Where events are written to.
CREATE VIEW event_entry (app, kind, sentence) AS SELECT app, kind, sentence FROM events;
CREATE TRIGGER event_entry_insert INSTEAD OF INSERT ON event_entry BEGIN
  INSERT INTO events (at, actor, via, app, app_uuid, app_name, kind, sentence)
    SELECT event_at(), event_actor(), event_via(), new.app, coalesce(max(uuid), ''), coalesce(max(name), ''), new.kind, new.sentence
    FROM apps WHERE id = new.app;
END;

CREATE TRIGGER event_users_insert AFTER INSERT ON users BEGIN
  INSERT INTO event_entry VALUES (NULL, 'user.create', 'made the user ' || new.name || ' (' || new.role || ')');
END;
CREATE TRIGGER event_users_update AFTER UPDATE OF role, email ON users BEGIN
  INSERT INTO event_entry VALUES (NULL, 'user.update', CASE WHEN new.role <> old.role
    THEN 'gave ' || new.name || ' the role ' || new.role ELSE 'changed the address of ' || new.name END);
END;
CREATE TRIGGER event_users_delete AFTER DELETE ON users BEGIN
  INSERT INTO event_entry VALUES (NULL, 'user.remove', 'removed the user ' || old.name);
END;

CREATE TRIGGER event_keys_insert AFTER INSERT ON keys BEGIN
  INSERT INTO event_entry VALUES (new.app, 'key.add', 'added the key ' || new.fingerprint || ' for ' || new.user);
END;
CREATE TRIGGER event_keys_delete AFTER DELETE ON keys BEGIN
  INSERT INTO event_entry VALUES (old.app, 'key.remove', 'removed the key ' || old.fingerprint || ' of ' || old.user);
END;

CREATE TRIGGER event_tokens_insert AFTER INSERT ON tokens BEGIN
  INSERT INTO event_entry VALUES (new.app, 'token.create', 'made token ' || new.id || ' (' || new.kind || ') for ' || new.user);
END;
CREATE TRIGGER event_tokens_delete AFTER DELETE ON tokens BEGIN
  INSERT INTO event_entry VALUES (old.app, 'token.revoke', 'revoked token ' || old.id || ' (' || old.kind || ') of ' || old.user);
END;

-- What goes with an app is not told one by one: when these run in a cascade, the app's row is gone already.
CREATE TRIGGER event_collaborators_insert AFTER INSERT ON collaborators BEGIN
  INSERT INTO event_entry VALUES (new.app, 'collaborator.add', 'let ' || new.user || ' ' || new.permission || ' the app');
END;
CREATE TRIGGER event_collaborators_update AFTER UPDATE OF permission ON collaborators BEGIN
  INSERT INTO event_entry VALUES (new.app, 'collaborator.update', 'let ' || new.user || ' ' || new.permission || ' the app, not ' || old.permission);
END;
CREATE TRIGGER event_collaborators_delete AFTER DELETE ON collaborators WHEN EXISTS (SELECT 1 FROM apps WHERE id = old.app) BEGIN
  INSERT INTO event_entry VALUES (old.app, 'collaborator.remove', 'took the access of ' || old.user || ' away');
END;

CREATE TRIGGER event_apps_insert AFTER INSERT ON apps BEGIN
  INSERT INTO event_entry VALUES (new.id, 'app.create', 'made the app');
END;
CREATE TRIGGER event_apps_update_name AFTER UPDATE OF name ON apps WHEN new.name <> old.name BEGIN
  INSERT INTO event_entry VALUES (new.id, 'app.rename', 'renamed the app, which was ' || old.name);
END;
CREATE TRIGGER event_apps_update_owner AFTER UPDATE OF owner ON apps WHEN new.owner <> old.owner BEGIN
  INSERT INTO event_entry VALUES (new.id, 'app.transfer', 'gave the app of ' || old.owner || ' to ' || new.owner);
END;
CREATE TRIGGER event_apps_update AFTER UPDATE OF stack, deploy_branch ON apps WHEN new.stack <> old.stack OR new.deploy_branch <> old.deploy_branch BEGIN
  INSERT INTO event_entry VALUES (new.id, 'app.update', CASE WHEN new.stack <> old.stack
    THEN 'set the stack to ' || new.stack ELSE 'deploys ' || new.deploy_branch END);
END;
CREATE TRIGGER event_apps_delete AFTER DELETE ON apps BEGIN
  INSERT INTO events (at, actor, via, app, app_uuid, app_name, kind, sentence)
    VALUES (event_at(), event_actor(), event_via(), old.id, old.uuid, old.name, 'app.destroy', 'destroyed the app');
END;

CREATE TRIGGER event_app_features_insert AFTER INSERT ON app_features BEGIN
  INSERT INTO event_entry VALUES (new.app, 'feature.enable', 'switched ' || new.name || ' on');
END;
CREATE TRIGGER event_app_features_delete AFTER DELETE ON app_features WHEN EXISTS (SELECT 1 FROM apps WHERE id = old.app) BEGIN
  INSERT INTO event_entry VALUES (old.app, 'feature.disable', 'switched ' || old.name || ' off');
END;

-- "renamed_from" is a note of a rename under way.
CREATE TRIGGER event_app_settings_insert AFTER INSERT ON app_settings WHEN new.key <> 'renamed_from' BEGIN
  INSERT INTO event_entry VALUES (new.app, 'setting.set', 'set ' || new.key);
END;
CREATE TRIGGER event_app_settings_update AFTER UPDATE OF value ON app_settings WHEN new.value <> old.value AND new.key <> 'renamed_from' BEGIN
  INSERT INTO event_entry VALUES (new.app, 'setting.set', 'set ' || new.key);
END;
CREATE TRIGGER event_app_settings_delete AFTER DELETE ON app_settings
WHEN old.key <> 'renamed_from' AND EXISTS (SELECT 1 FROM apps WHERE id = old.app) BEGIN
  INSERT INTO event_entry VALUES (old.app, 'setting.unset', 'took ' || old.key || ' back');
END;

CREATE TRIGGER event_builds_insert AFTER INSERT ON builds BEGIN
  INSERT INTO event_entry VALUES (new.app, 'build.create', 'asked for build ' || new.number);
END;
CREATE TRIGGER event_builds_update AFTER UPDATE OF state ON builds WHEN new.state <> old.state AND new.state <> 'building' BEGIN
  INSERT INTO event_entry VALUES (new.app, 'build.update', 'build ' || new.number || CASE new.state WHEN 'cancelled' THEN ' was cancelled' ELSE ' ' || new.state END);
END;

CREATE TRIGGER event_releases_insert AFTER INSERT ON releases BEGIN
  INSERT INTO event_entry VALUES (new.app, 'release.create', 'released v' || new.version || ': ' || new.description);
END;
CREATE TRIGGER event_releases_update AFTER UPDATE OF state ON releases WHEN new.state <> old.state BEGIN
  INSERT INTO event_entry VALUES (new.app, 'release.update', 'v' || new.version || ' ' || new.state);
END;

CREATE TRIGGER event_formations_insert AFTER INSERT ON formations BEGIN
  INSERT INTO event_entry VALUES (new.app, 'formation.update', new.process_type || ' at ' || new.quantity);
END;
CREATE TRIGGER event_formations_update AFTER UPDATE OF quantity ON formations WHEN new.quantity <> old.quantity BEGIN
  INSERT INTO event_entry VALUES (new.app, 'formation.update', new.process_type || ' at ' || new.quantity || ', not ' || old.quantity);
END;
CREATE TRIGGER event_formations_delete AFTER DELETE ON formations WHEN EXISTS (SELECT 1 FROM apps WHERE id = old.app) BEGIN
  INSERT INTO event_entry VALUES (old.app, 'formation.update', old.process_type || ' is gone');
END;

CREATE TRIGGER event_domains_insert AFTER INSERT ON domains BEGIN
  INSERT INTO event_entry VALUES (new.app, 'domain.add', 'serves at ' || new.host);
END;
CREATE TRIGGER event_domains_delete AFTER DELETE ON domains WHEN EXISTS (SELECT 1 FROM apps WHERE id = old.app) BEGIN
  INSERT INTO event_entry VALUES (old.app, 'domain.remove', 'serves at ' || old.host || ' no more');
END;
CREATE TRIGGER event_maintenance_insert AFTER INSERT ON maintenance BEGIN
  INSERT INTO event_entry VALUES (new.app, 'maintenance.on', 'put the app into maintenance');
END;
CREATE TRIGGER event_maintenance_delete AFTER DELETE ON maintenance WHEN EXISTS (SELECT 1 FROM apps WHERE id = old.app) BEGIN
  INSERT INTO event_entry VALUES (old.app, 'maintenance.off', 'ended the maintenance');
END;
-- A drain's URL may hold a password.
CREATE TRIGGER event_drains_insert AFTER INSERT ON drains BEGIN
  INSERT INTO event_entry VALUES (new.app, 'drain.add', 'sends the log elsewhere, as ' || new.token);
END;
CREATE TRIGGER event_drains_delete AFTER DELETE ON drains WHEN EXISTS (SELECT 1 FROM apps WHERE id = old.app) BEGIN
  INSERT INTO event_entry VALUES (old.app, 'drain.remove', 'sends the log no more as ' || old.token);
END;

CREATE TRIGGER event_stacks_insert AFTER INSERT ON stacks BEGIN
  INSERT INTO event_entry VALUES (NULL, 'stack.set', 'put the stack ' || new.name);
END;
CREATE TRIGGER event_publications_insert AFTER INSERT ON publications BEGIN
  INSERT INTO event_entry SELECT app, 'publication.create', 'asked for v' || version || ' to go to ' || new.target FROM releases WHERE id = new.release;
END;
CREATE TRIGGER event_publications_update AFTER UPDATE OF state ON publications WHEN new.state <> old.state BEGIN
  INSERT INTO event_entry SELECT app, 'publication.update', 'publishing v' || version || ' to ' || new.target || CASE new.state WHEN 'pending' THEN ' begins anew' ELSE ' ' || new.state END FROM releases WHERE id = new.release;
END;

-- The tags of releases are told with the releases.
CREATE TRIGGER event_tags_insert AFTER INSERT ON tags
WHEN NOT EXISTS (SELECT 1 FROM repositories r JOIN apps a ON a.id = r.app AND a.name = r.name WHERE r.id = new.repository) BEGIN
  INSERT INTO event_entry SELECT app, 'image.tag', 'tagged ' || name || ':' || new.name FROM repositories WHERE id = new.repository;
END;
CREATE TRIGGER event_tags_update AFTER UPDATE OF manifest ON tags
WHEN new.manifest <> old.manifest AND NOT EXISTS (SELECT 1 FROM repositories r JOIN apps a ON a.id = r.app AND a.name = r.name WHERE r.id = new.repository) BEGIN
  INSERT INTO event_entry SELECT app, 'image.tag', 'moved ' || name || ':' || new.name FROM repositories WHERE id = new.repository;
END;
CREATE TRIGGER event_tags_delete AFTER DELETE ON tags
WHEN NOT EXISTS (SELECT 1 FROM repositories r JOIN apps a ON a.id = r.app AND a.name = r.name WHERE r.id = old.repository) BEGIN
  INSERT INTO event_entry SELECT app, 'image.untag', 'removed ' || name || ':' || old.name FROM repositories WHERE id = old.repository;
END;
