-- Builds of tarballs: their commit_id is the version that came with the tarball, or '', and their ref is ''.
ALTER TABLE builds ADD COLUMN source_url TEXT NOT NULL DEFAULT '';          -- without credentials and query
ALTER TABLE builds ADD COLUMN source_checksum TEXT NOT NULL DEFAULT '';     -- digest that was asked for, or ''
ALTER TABLE builds ADD COLUMN source_description TEXT NOT NULL DEFAULT '';  -- of the version
