-- Servers' moves from one node or size to another.
CREATE TABLE migrations (
    id TEXT PRIMARY KEY,
    -- The number that the API knows it by.
    number BIGINT NOT NULL UNIQUE,
    -- live-migration, migration, resize, evacuation
    type TEXT NOT NULL,
    status TEXT NOT NULL,
    server_id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    source_compute TEXT NOT NULL,
    source_node TEXT NOT NULL,
    dest_compute TEXT,
    dest_node TEXT,
    dest_host TEXT,
    old_flavor_id TEXT,
    new_flavor_id TEXT,
    hidden BOOLEAN NOT NULL,
    memory_total BIGINT,
    memory_processed BIGINT,
    memory_remaining BIGINT,
    disk_total BIGINT,
    disk_processed BIGINT,
    disk_remaining BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX migrations_server ON migrations (server_id);
CREATE INDEX migrations_created ON migrations (created_at, id);
CREATE INDEX migrations_project ON migrations (project_id, created_at, id);
INSERT INTO server_numbers (id, last) VALUES ('migration', 0);

-- Usage is read project by project, the deleted servers too.
CREATE INDEX servers_usage ON servers (project_id, id) WHERE launched_at IS NOT NULL;
