-- name: add
-- A token, unless its name is taken.
INSERT INTO tokens (name, hash, created_ms) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING RETURNING name;

-- name: by_hash
-- The token whose text has this hash.
SELECT name, used_ms FROM tokens WHERE hash = $1;

-- name: note_use
-- When it was last used.
UPDATE tokens SET used_ms = $2 WHERE hash = $1;

-- name: all
-- Every token, by name.
SELECT name, created_ms, used_ms FROM tokens ORDER BY name;

-- name: revoke
-- Forgets a token.
DELETE FROM tokens WHERE name = $1 RETURNING name;
