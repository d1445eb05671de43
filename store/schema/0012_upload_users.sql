-- Who began an upload: how many one user has under way is limited.
ALTER TABLE uploads ADD COLUMN user TEXT NOT NULL DEFAULT '';
