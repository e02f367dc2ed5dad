-- name: put
-- Inserts the app or replaces its settings; the release counter stays.
INSERT INTO apps (name, settings, created_ms, stopped, maintenance, login)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (name) DO UPDATE
SET settings = excluded.settings, created_ms = excluded.created_ms, stopped = excluded.stopped,
    maintenance = excluded.maintenance, login = excluded.login;

-- name: get
-- The app of that name.
SELECT name, settings, created_ms, stopped, maintenance, login FROM apps WHERE name = $1;

-- name: all
-- Every app, by name.
SELECT name, settings, created_ms, stopped, maintenance, login FROM apps ORDER BY name;

-- name: with_login_in_settings
-- Rows from before logins were kept apart, or that may be.
SELECT name, settings FROM apps WHERE login IS NULL AND settings LIKE '%@%';

-- name: take_login_apart
-- Unless somebody changed the app meanwhile.
UPDATE apps SET settings = $3, login = $4 WHERE name = $1 AND settings = $2;

-- name: names
-- What the apps are called.
SELECT name FROM apps;

-- name: remove
-- Deletes the app; everything that belongs to it goes by its foreign keys.
DELETE FROM apps WHERE name = $1;
