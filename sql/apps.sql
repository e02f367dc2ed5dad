-- name: put
-- Inserts the app or replaces its settings; the release counter stays.
INSERT INTO apps (name, settings, created_ms, stopped, maintenance)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (name) DO UPDATE
SET settings = excluded.settings, created_ms = excluded.created_ms, stopped = excluded.stopped,
    maintenance = excluded.maintenance;

-- name: get
-- The app of that name.
SELECT name, settings, created_ms, stopped, maintenance FROM apps WHERE name = $1;

-- name: all
-- Every app, by name.
SELECT name, settings, created_ms, stopped, maintenance FROM apps ORDER BY name;

-- name: names
-- What the apps are called.
SELECT name FROM apps;

-- name: remove
-- Deletes the app; everything that belongs to it goes by its foreign keys.
DELETE FROM apps WHERE name = $1;
