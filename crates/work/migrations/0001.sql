CREATE TABLE operations (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    -- What it works on ("server/UUID"). Operations on one target run one after another, in the order of `created_at`.
    target TEXT NOT NULL,
    project_id TEXT,
    user_id TEXT,
    request_id TEXT NOT NULL,
    -- run, undo, done, undone
    phase TEXT NOT NULL,
    step BIGINT NOT NULL,
    -- While undoing: the first step to undo last, and whether to run forward again from there.
    undo_to BIGINT NOT NULL,
    resume BOOLEAN NOT NULL,
    data TEXT NOT NULL,
    failure TEXT,
    cancelled BOOLEAN NOT NULL,
    attempts BIGINT NOT NULL,
    not_before BIGINT NOT NULL,
    deadline BIGINT NOT NULL,
    owner TEXT NOT NULL,
    lease_until BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX operations_open ON operations (not_before) WHERE phase IN ('run', 'undo');
CREATE INDEX operations_target ON operations (target, created_at);
CREATE INDEX operations_request ON operations (request_id);

CREATE TABLE operation_steps (
    operation_id TEXT NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
    sequence BIGINT NOT NULL,
    name TEXT NOT NULL,
    undo BOOLEAN NOT NULL,
    started_at BIGINT NOT NULL,
    finished_at BIGINT,
    error TEXT,
    host TEXT,
    PRIMARY KEY (operation_id, sequence)
);
