-- What visitors read while the app is in maintenance; NULL when it is not.
ALTER TABLE apps ADD COLUMN maintenance TEXT;
