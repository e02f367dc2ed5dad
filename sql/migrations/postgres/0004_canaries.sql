-- Which visitors get the deployment's release, as JSON; NULL when all of them do.
ALTER TABLE deployments ADD COLUMN canary TEXT;
