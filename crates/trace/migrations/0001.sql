CREATE TABLE traces (
    id TEXT PRIMARY KEY,
    request_id TEXT NOT NULL,
    -- The operation that ran for the request; without one it is the request itself.
    operation_id TEXT,
    title TEXT NOT NULL,
    outcome TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    micros BIGINT NOT NULL,
    -- What went on inside, in JSON.
    spans TEXT NOT NULL
);
CREATE INDEX traces_request ON traces (request_id);
CREATE INDEX traces_started ON traces (started_at);
