-- `settings` is JSON; `last_release` only grows, so that the number of a deleted release is never used again.
CREATE TABLE apps (
    name TEXT NOT NULL PRIMARY KEY,
    settings TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    stopped BIGINT NOT NULL,
    last_release BIGINT NOT NULL DEFAULT 0
);

-- `sealed` is every value of every layer, encrypted under the master key for this app and version only.
CREATE TABLE env_versions (
    app TEXT NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (app, version)
);

-- `artifact` is the SHA-256 of the packed project; `plan` is JSON.
CREATE TABLE releases (
    app TEXT NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    artifact TEXT NOT NULL,
    "commit" TEXT NOT NULL,
    commit_message TEXT NOT NULL,
    plan TEXT NOT NULL,
    env_version BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (app, number)
);

-- `seq` is the order in which they were asked for; `switch` is JSON.
CREATE TABLE deployments (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    app TEXT NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    "trigger" TEXT NOT NULL,
    "by" TEXT NOT NULL,
    stage TEXT NOT NULL,
    requested_ms BIGINT NOT NULL,
    ref TEXT,
    "commit" TEXT,
    commit_message TEXT,
    release BIGINT,
    outcome TEXT,
    reason TEXT,
    ended_ms BIGINT,
    switch TEXT,
    CHECK ((stage = 'ended') = (outcome IS NOT NULL))
);

CREATE INDEX deployments_of_app ON deployments (app, seq);

CREATE INDEX deployments_unfinished ON deployments (seq) WHERE stage <> 'ended';

-- The journal: one row for each stage that a deployment entered.
CREATE TABLE deployment_stages (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    deployment TEXT NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
    stage TEXT NOT NULL,
    entered_ms BIGINT NOT NULL
);

CREATE INDEX deployment_stages_of ON deployment_stages (deployment, seq);

-- `pid` and `pid_started` together name one OS process for good.
CREATE TABLE instances (
    id TEXT NOT NULL PRIMARY KEY,
    app TEXT NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    release BIGINT NOT NULL,
    deployment TEXT NOT NULL,
    process TEXT NOT NULL,
    state TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    pid BIGINT,
    pid_started BIGINT,
    port BIGINT,
    restarts BIGINT NOT NULL
);

CREATE INDEX instances_of_app ON instances (app);

-- `route` is JSON: it is read and written as a whole.
CREATE TABLE routes (
    app TEXT NOT NULL PRIMARY KEY REFERENCES apps (name) ON DELETE CASCADE,
    route TEXT NOT NULL
);

-- Facts stay when their app is removed, so nothing here refers to another table; `data` is JSON.
CREATE TABLE events (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    time_ms BIGINT NOT NULL,
    subject TEXT NOT NULL,
    app TEXT,
    correlation TEXT,
    causation TEXT,
    data TEXT NOT NULL
);

CREATE INDEX events_of_app ON events (app, seq);

-- API tokens as SHA-256 in hex: the text itself is kept nowhere.
CREATE TABLE tokens (
    name TEXT NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL,
    used_ms BIGINT
);
