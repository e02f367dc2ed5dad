-- name: add
-- A new deployment.
INSERT INTO deployments (
    id, app, "trigger", "by", stage, requested_ms, ref, "commit", commit_message, release, outcome, reason, ended_ms, switch, canary
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15);

-- name: enter_stage
-- A line of the journal.
INSERT INTO deployment_stages (deployment, stage, entered_ms) VALUES ($1, $2, $3);

-- name: get
-- The deployment of that id.
SELECT id, app, "trigger", "by", stage, requested_ms, ref, "commit", commit_message, release, outcome, reason, ended_ms, switch, canary
FROM deployments
WHERE id = $1;

-- name: move
-- From one stage to the next, by whoever comes first.
UPDATE deployments SET stage = $3 WHERE id = $1 AND stage = $2 RETURNING id;

-- name: finish
-- Gives it its one outcome, unless it has one.
UPDATE deployments SET stage = 'ended', outcome = $2, reason = $3, ended_ms = $4
WHERE id = $1 AND stage <> 'ended'
RETURNING id;

-- name: revert
-- What it brought live was taken back.
UPDATE deployments SET outcome = 'reverted', reason = $2
WHERE id = $1 AND outcome IN ('live', 'canary')
RETURNING id;

-- name: note_commit
-- Which commit the ref turned out to be.
UPDATE deployments SET "commit" = $2, commit_message = $3 WHERE id = $1;

-- name: note_release
-- Which release it made or goes back to.
UPDATE deployments SET release = $2 WHERE id = $1;

-- name: note_switch
-- What the proxy counted from the swap to the end of the drain.
UPDATE deployments SET switch = $2 WHERE id = $1;

-- name: unfinished
-- Those without an outcome, oldest first.
SELECT id, app, "trigger", "by", stage, requested_ms, ref, "commit", commit_message, release, outcome, reason, ended_ms, switch, canary
FROM deployments
WHERE stage <> 'ended'
ORDER BY seq;

-- name: unfinished_of_app
-- The app's without an outcome, oldest first.
SELECT id, app, "trigger", "by", stage, requested_ms, ref, "commit", commit_message, release, outcome, reason, ended_ms, switch, canary
FROM deployments
WHERE stage <> 'ended' AND app = $1
ORDER BY seq;

-- name: latest
-- The newest of each app, each found with one look into the index.
SELECT id, app, "trigger", "by", stage, requested_ms, ref, "commit", commit_message, release, outcome, reason, ended_ms, switch, canary
FROM deployments
WHERE seq IN (SELECT (SELECT max(seq) FROM deployments WHERE app = apps.name) FROM apps);

-- name: of_app
-- The app's deployments, newest first.
SELECT id, app, "trigger", "by", stage, requested_ms, ref, "commit", commit_message, release, outcome, reason, ended_ms, switch, canary
FROM deployments
WHERE app = $1
ORDER BY seq DESC
LIMIT $2;

-- name: journal
-- The stages it entered, in that order.
SELECT stage, entered_ms FROM deployment_stages WHERE deployment = $1 ORDER BY seq;

-- name: latest_journals
-- The stages of the app's newest deployments that went live, in the order they were entered.
SELECT deployment, stage, entered_ms FROM deployment_stages
WHERE deployment IN (
    SELECT id FROM deployments WHERE app = $1 AND outcome IN ('live', 'canary') AND id <> $3 ORDER BY seq DESC LIMIT $2
)
ORDER BY seq;

-- name: trim
-- Forgets the ended ones that are not among the app's newest, unless a kept release came of them.
DELETE FROM deployments
WHERE app = $1
AND stage = 'ended'
AND seq <= (SELECT seq FROM deployments WHERE app = $1 ORDER BY seq DESC LIMIT 1 OFFSET $2)
AND (release IS NULL OR release NOT IN (SELECT number FROM releases WHERE app = $1));
