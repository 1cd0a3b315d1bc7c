-- The nodes that servers run on, as their agents last reported them.
CREATE TABLE compute_nodes (
    -- Also the node's resource provider in placement.
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL UNIQUE,
    version TEXT NOT NULL,
    address TEXT NOT NULL,
    hypervisor_type TEXT NOT NULL,
    hypervisor_version BIGINT NOT NULL,
    cpu_info TEXT NOT NULL,
    vcpus BIGINT NOT NULL,
    memory_mb BIGINT NOT NULL,
    memory_used_mb BIGINT NOT NULL,
    disk_gb BIGINT NOT NULL,
    disk_free_gb BIGINT NOT NULL,
    traits TEXT NOT NULL,
    servers_running BIGINT NOT NULL,
    -- When the host was started; its uptime follows from it.
    booted_at BIGINT NOT NULL,
    -- What placement was last told, so that an unchanged node tells it nothing.
    told TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- The service on a node. It is up while its last report is young.
CREATE TABLE compute_services (
    id TEXT PRIMARY KEY,
    -- The number that microversions before 2.53 know it by.
    number BIGINT NOT NULL UNIQUE,
    host TEXT NOT NULL,
    name TEXT NOT NULL,
    disabled BOOLEAN NOT NULL,
    disabled_reason TEXT,
    forced_down BOOLEAN NOT NULL,
    seen_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT,
    UNIQUE (host, name)
);

CREATE TABLE flavors (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    vcpus BIGINT NOT NULL,
    memory_mb BIGINT NOT NULL,
    root_gb BIGINT NOT NULL,
    ephemeral_gb BIGINT NOT NULL,
    swap_mb BIGINT NOT NULL,
    rxtx_factor DOUBLE PRECISION NOT NULL,
    is_public BOOLEAN NOT NULL,
    disabled BOOLEAN NOT NULL,
    extra_specs TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT
);
CREATE INDEX flavors_memory ON flavors (memory_mb, id);

-- The projects that may use a flavor that is not public.
CREATE TABLE flavor_projects (
    flavor_id TEXT NOT NULL REFERENCES flavors (id) ON DELETE CASCADE,
    project_id TEXT NOT NULL,
    PRIMARY KEY (flavor_id, project_id)
);
CREATE INDEX flavor_projects_project ON flavor_projects (project_id);

CREATE TABLE key_pairs (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    -- ssh, x509
    type TEXT NOT NULL,
    public_key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (user_id, name)
);

-- Limits that differ from the defaults. `owner_id` is a project, a project and a user (`PROJECT/USER`), or
-- `class/default` for the defaults of the whole cloud.
CREATE TABLE compute_quotas (
    owner_id TEXT NOT NULL,
    resource TEXT NOT NULL,
    most BIGINT NOT NULL,
    PRIMARY KEY (owner_id, resource)
);

-- What is in use: one row per project (or user, for key pairs) and resource, which every claim updates.
CREATE TABLE compute_usages (
    owner_id TEXT NOT NULL,
    resource TEXT NOT NULL,
    used BIGINT NOT NULL,
    PRIMARY KEY (owner_id, resource)
);
