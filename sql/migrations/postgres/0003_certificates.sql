-- Who we are to an authority; `sealed_key` is encrypted under the master key, here and below.
CREATE TABLE acme_accounts (
    directory TEXT NOT NULL PRIMARY KEY,
    sealed_key BYTEA NOT NULL,
    created_ms BIGINT NOT NULL
);

-- At most one order for a name; `url` and `sealed_key` once it is placed at the authority.
CREATE TABLE certificate_orders (
    name TEXT NOT NULL PRIMARY KEY,
    directory TEXT NOT NULL,
    state TEXT NOT NULL,
    failures BIGINT NOT NULL,
    try_ms BIGINT NOT NULL,
    url TEXT,
    sealed_key BYTEA,
    reason TEXT,
    changed_ms BIGINT NOT NULL,
    CHECK ((state = 'placed') = (url IS NOT NULL AND sealed_key IS NOT NULL))
);

-- `names` is JSON; `chain` is PEM.
CREATE TABLE certificates (
    name TEXT NOT NULL PRIMARY KEY,
    directory TEXT NOT NULL,
    names TEXT NOT NULL,
    chain TEXT NOT NULL,
    sealed_key BYTEA NOT NULL,
    not_before_ms BIGINT NOT NULL,
    not_after_ms BIGINT NOT NULL,
    renew_ms BIGINT NOT NULL,
    ask_ms BIGINT NOT NULL
);
