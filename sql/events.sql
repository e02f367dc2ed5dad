-- name: add
-- A fact.
INSERT INTO events (id, type, time_ms, subject, app, correlation, causation, data)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: forget_beyond
-- Keeps the newest so many.
DELETE FROM events WHERE seq <= (SELECT max(seq) FROM events) - $1;

-- name: recent
-- The newest, of all apps.
SELECT id, type, time_ms, subject, app, correlation, causation, data FROM events ORDER BY seq DESC LIMIT $1;

-- name: recent_of_app
-- The newest about one app.
SELECT id, type, time_ms, subject, app, correlation, causation, data
FROM events
WHERE app = $1
ORDER BY seq DESC
LIMIT $2;
