-- Texts that are absent are '' where lists sort or filter by them.
CREATE TABLE servers (
    id TEXT PRIMARY KEY,
    -- The number in the domain's name.
    number BIGINT NOT NULL UNIQUE,
    project_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    hostname TEXT NOT NULL,
    reservation_id TEXT NOT NULL,
    launch_index BIGINT NOT NULL,
    -- The flavor as it was when the server was made, in JSON.
    flavor TEXT NOT NULL,
    flavor_id TEXT NOT NULL,
    image_id TEXT NOT NULL,
    -- What of the image the server's node needs to know, in JSON.
    image TEXT NOT NULL,
    key_name TEXT,
    key_type TEXT,
    public_key TEXT,
    metadata TEXT NOT NULL,
    user_data TEXT,
    config_drive BOOLEAN NOT NULL,
    -- The zone and node that the user asked for, '' for any.
    asked_zone TEXT NOT NULL,
    asked_host TEXT NOT NULL,
    scheduler_hints TEXT NOT NULL,
    -- The wanted ports and security groups, in JSON.
    networks TEXT NOT NULL,
    security_groups TEXT NOT NULL,
    zone TEXT NOT NULL,
    host TEXT NOT NULL,
    vm_state TEXT NOT NULL,
    task_state TEXT NOT NULL,
    power_state BIGINT NOT NULL,
    locked_reason TEXT,
    locked BOOLEAN NOT NULL,
    -- Why the server is in ERROR, in JSON.
    fault TEXT,
    access_ipv4 TEXT NOT NULL,
    access_ipv6 TEXT NOT NULL,
    disk_config TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    launched_at BIGINT,
    deleted_at BIGINT
);
CREATE INDEX servers_project ON servers (project_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX servers_created ON servers (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX servers_host ON servers (host) WHERE deleted_at IS NULL;
CREATE INDEX servers_updated ON servers (project_id, updated_at);
CREATE INDEX servers_reservation ON servers (reservation_id);
CREATE INDEX servers_flavor ON servers (flavor_id) WHERE deleted_at IS NULL;

-- The last number given to a server.
CREATE TABLE server_numbers (
    id TEXT PRIMARY KEY,
    last BIGINT NOT NULL
);
INSERT INTO server_numbers (id, last) VALUES ('server', 0);

CREATE TABLE server_tags (
    server_id TEXT NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (server_id, tag)
);
CREATE INDEX server_tags_tag ON server_tags (tag);

-- What opens a console: the hash of the token that the browser shows.
CREATE TABLE console_tokens (
    hash TEXT PRIMARY KEY,
    server_id TEXT NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    host TEXT NOT NULL,
    -- vnc, serial
    kind TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX console_tokens_expiry ON console_tokens (expires_at);
CREATE INDEX console_tokens_server ON console_tokens (server_id);
