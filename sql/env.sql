-- name: newest
-- The app's newest version.
SELECT version, sealed FROM env_versions WHERE app = $1 ORDER BY version DESC LIMIT 1;

-- name: get
-- That version of the app's env.
SELECT version, sealed FROM env_versions WHERE app = $1 AND version = $2;

-- name: add
-- A new version, unless another writer took its number.
INSERT INTO env_versions (app, version, created_ms, sealed)
VALUES ($1, $2, $3, $4)
ON CONFLICT (app, version) DO NOTHING
RETURNING version;

-- name: trim
-- Forgets the versions that are not among the app's newest, unless a kept release has them.
DELETE FROM env_versions
WHERE app = $1
AND version <= (SELECT max(version) FROM env_versions WHERE app = $1) - $2
AND version NOT IN (SELECT env_version FROM releases WHERE app = $1);
