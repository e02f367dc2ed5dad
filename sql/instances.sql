-- name: put
-- Inserts the instance or replaces its row.
INSERT INTO instances (id, app, release, deployment, process, state, created_ms, pid, pid_started, port, restarts)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (id) DO UPDATE
SET app = excluded.app, release = excluded.release, deployment = excluded.deployment, process = excluded.process,
    state = excluded.state, created_ms = excluded.created_ms, pid = excluded.pid, pid_started = excluded.pid_started,
    port = excluded.port, restarts = excluded.restarts;

-- name: get
-- The instance of that id.
SELECT id, app, release, deployment, process, state, created_ms, pid, pid_started, port, restarts
FROM instances
WHERE id = $1;

-- name: of_app
-- The app's instances, oldest first.
SELECT id, app, release, deployment, process, state, created_ms, pid, pid_started, port, restarts
FROM instances
WHERE app = $1
ORDER BY created_ms, id;

-- name: all
-- Every instance, by app, oldest first.
SELECT id, app, release, deployment, process, state, created_ms, pid, pid_started, port, restarts
FROM instances
ORDER BY app, created_ms, id;

-- name: remove
-- Forgets an instance whose OS process is gone.
DELETE FROM instances WHERE id = $1;
