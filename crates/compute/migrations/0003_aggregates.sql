-- Groups of nodes with metadata. The key availability_zone of the metadata is the zone of the nodes.
CREATE TABLE aggregates (
    id TEXT PRIMARY KEY,
    -- The number that the API knows it by.
    number BIGINT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    metadata TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT
);

CREATE TABLE aggregate_hosts (
    aggregate_id TEXT NOT NULL REFERENCES aggregates (id) ON DELETE CASCADE,
    host TEXT NOT NULL,
    PRIMARY KEY (aggregate_id, host)
);

-- Counts the changes of something of which processes keep a copy. Whoever changes it counts first, and so waits for
-- others who do.
CREATE TABLE compute_revisions (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO compute_revisions (name, value) VALUES ('aggregates', 1);

INSERT INTO server_numbers (id, last) VALUES ('aggregate', 0);
