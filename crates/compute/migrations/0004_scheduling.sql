-- Servers that are to be together or apart.
CREATE TABLE server_groups (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    -- affinity, anti-affinity, soft-affinity, soft-anti-affinity
    policy TEXT NOT NULL,
    -- How many of its servers a node may have, where anti-affinity says another number than one.
    max_server_per_host BIGINT,
    created_at BIGINT NOT NULL,
    -- Counts the servers that joined or got a node: whoever counts the members updates it first.
    claims BIGINT NOT NULL
);
CREATE INDEX server_groups_project ON server_groups (project_id, created_at, id);

-- A server is in one group at most.
CREATE TABLE server_group_members (
    server_id TEXT PRIMARY KEY REFERENCES servers (id) ON DELETE CASCADE,
    group_id TEXT NOT NULL REFERENCES server_groups (id) ON DELETE CASCADE
);
CREATE INDEX server_group_members_group ON server_group_members (group_id);

-- How many servers failed to come up on the node since one did.
ALTER TABLE compute_nodes ADD COLUMN failed_builds BIGINT NOT NULL DEFAULT 0;

-- The revision of the nodes at which the node changed last, so that copies read only what changed.
ALTER TABLE compute_nodes ADD COLUMN changed BIGINT NOT NULL DEFAULT 1;
CREATE INDEX compute_nodes_changed ON compute_nodes (changed);
INSERT INTO compute_revisions (name, value) VALUES ('nodes', 1);
INSERT INTO compute_revisions (name, value) VALUES ('nodes_deleted', 1);

-- The servers that something is being done to, by node.
CREATE INDEX servers_busy ON servers (host) WHERE deleted_at IS NULL AND task_state <> '';
