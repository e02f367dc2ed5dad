-- name: account
-- Who we are to that authority.
SELECT directory, sealed_key FROM acme_accounts WHERE directory = $1;

-- name: add_account
-- A new account, unless there is one.
INSERT INTO acme_accounts (directory, sealed_key, created_ms) VALUES ($1, $2, $3)
ON CONFLICT (directory) DO NOTHING;

-- name: orders
-- Every order.
SELECT name, directory, state, failures, try_ms, url, sealed_key, reason FROM certificate_orders ORDER BY name;

-- name: put_order
-- Inserts the name's order or replaces it.
INSERT INTO certificate_orders (name, directory, state, failures, try_ms, url, sealed_key, reason, changed_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (name) DO UPDATE SET
    directory = excluded.directory, state = excluded.state, failures = excluded.failures, try_ms = excluded.try_ms,
    url = excluded.url, sealed_key = excluded.sealed_key, reason = excluded.reason, changed_ms = excluded.changed_ms;

-- name: drop_order
-- Forgets the name's order.
DELETE FROM certificate_orders WHERE name = $1;

-- name: certificates
-- Every certificate.
SELECT name, directory, names, chain, sealed_key, not_before_ms, not_after_ms, renew_ms, ask_ms
FROM certificates ORDER BY name;

-- name: put_certificate
-- Inserts the name's certificate or replaces it.
INSERT INTO certificates (
    name, directory, names, chain, sealed_key, not_before_ms, not_after_ms, renew_ms, ask_ms
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (name) DO UPDATE SET
    directory = excluded.directory, names = excluded.names, chain = excluded.chain, sealed_key = excluded.sealed_key,
    not_before_ms = excluded.not_before_ms, not_after_ms = excluded.not_after_ms, renew_ms = excluded.renew_ms,
    ask_ms = excluded.ask_ms;

-- name: reschedule
-- Other times for the certificate's renewal.
UPDATE certificates SET renew_ms = $2, ask_ms = $3 WHERE name = $1;

-- name: drop_certificate
-- Forgets the name's certificate.
DELETE FROM certificates WHERE name = $1;
