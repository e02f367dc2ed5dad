-- The embedded log store: lines in the order they arrived, numbered within each app.

CREATE TABLE log_app (
    id       INTEGER PRIMARY KEY,
    name     TEXT    NOT NULL UNIQUE,
    last_seq INTEGER NOT NULL DEFAULT 0,
    bytes    INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE log_line (
    id         INTEGER PRIMARY KEY,
    app        INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    time_ms    INTEGER NOT NULL,
    level      INTEGER NOT NULL,
    source     TEXT    NOT NULL,
    process    TEXT,
    stream     TEXT,
    deployment TEXT,
    release    INTEGER,
    size       INTEGER NOT NULL,
    text       TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX log_line_by_app ON log_line (app, seq);

-- Warnings and errors are few: found without reading the lines between them.
CREATE INDEX log_line_trouble ON log_line (app, seq) WHERE level >= 2;

CREATE INDEX log_line_any_trouble ON log_line (id) WHERE level >= 2;

CREATE INDEX log_line_by_deployment ON log_line (deployment, id) WHERE deployment IS NOT NULL;

CREATE TABLE log_position (
    file     TEXT    PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
