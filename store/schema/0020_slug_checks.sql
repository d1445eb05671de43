-- How a slug's processes are asked whether they are well: app.json's "healthchecks", as JSON; '' for none.
ALTER TABLE slugs ADD COLUMN checks TEXT NOT NULL DEFAULT '';
