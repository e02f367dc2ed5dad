-- name: next_number
-- Counts up the app's releases; the row stays locked until the release is in.
UPDATE apps SET last_release = last_release + 1 WHERE name = $1 RETURNING last_release;

-- name: add
-- A release under the number just counted.
INSERT INTO releases (app, number, artifact, "commit", commit_message, plan, env_version, created_ms)
SELECT name, last_release, $2, $3, $4, $5, CAST($6 AS BIGINT), CAST($7 AS BIGINT) FROM apps WHERE name = $1
RETURNING app, number, artifact, "commit", commit_message, plan, env_version, created_ms;

-- name: get
-- The app's release of that number.
SELECT app, number, artifact, "commit", commit_message, plan, env_version, created_ms
FROM releases
WHERE app = $1 AND number = $2;

-- name: of_app
-- The app's kept releases, newest first.
SELECT app, number, artifact, "commit", commit_message, plan, env_version, created_ms
FROM releases
WHERE app = $1
ORDER BY number DESC;

-- name: remove
-- Forgets a release.
DELETE FROM releases WHERE app = $1 AND number = $2;

-- name: plans
-- How every kept release was built.
SELECT app, number, plan FROM releases;

-- name: artifacts
-- The digests that some release needs.
SELECT DISTINCT artifact FROM releases;
