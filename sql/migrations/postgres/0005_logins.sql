-- The login that stood in the repository's address, encrypted under the master key for this app and repository only.
ALTER TABLE apps ADD COLUMN login BYTEA;
