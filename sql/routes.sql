-- name: put
-- Inserts the app's route or replaces it.
INSERT INTO routes (app, route) VALUES ($1, $2) ON CONFLICT (app) DO UPDATE SET route = excluded.route;

-- name: get
-- The app's route.
SELECT app, route FROM routes WHERE app = $1;

-- name: all
-- Every route, by app.
SELECT app, route FROM routes ORDER BY app;

-- name: remove
-- Forgets the app's route.
DELETE FROM routes WHERE app = $1;
