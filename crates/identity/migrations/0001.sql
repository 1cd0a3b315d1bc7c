-- One row: counts the transactions that changed anything a token's validity or content depends on.
CREATE TABLE identity_revision (id BIGINT PRIMARY KEY, value BIGINT NOT NULL);
INSERT INTO identity_revision (id, value) VALUES (1, 1);

CREATE TABLE identity_domains (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    extra TEXT NOT NULL
);

CREATE TABLE identity_projects (
    id TEXT PRIMARY KEY,
    domain_id TEXT NOT NULL REFERENCES identity_domains (id),
    parent_id TEXT REFERENCES identity_projects (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    extra TEXT NOT NULL,
    UNIQUE (domain_id, name)
);
CREATE INDEX identity_projects_by_name ON identity_projects (name, id);
CREATE INDEX identity_projects_by_parent ON identity_projects (parent_id);

CREATE TABLE identity_project_tags (
    project_id TEXT NOT NULL REFERENCES identity_projects (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (project_id, name)
);

CREATE TABLE identity_users (
    id TEXT PRIMARY KEY,
    domain_id TEXT NOT NULL REFERENCES identity_domains (id),
    name TEXT NOT NULL,
    password_hash TEXT,
    default_project_id TEXT,
    enabled BOOLEAN NOT NULL,
    -- Tokens carry the generation of their making; raising it ends all of them.
    token_generation BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    extra TEXT NOT NULL,
    UNIQUE (domain_id, name)
);
CREATE INDEX identity_users_by_name ON identity_users (name, id);

CREATE TABLE identity_groups (
    id TEXT PRIMARY KEY,
    domain_id TEXT NOT NULL REFERENCES identity_domains (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    extra TEXT NOT NULL,
    UNIQUE (domain_id, name)
);
CREATE INDEX identity_groups_by_name ON identity_groups (name, id);

CREATE TABLE identity_memberships (
    user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
    group_id TEXT NOT NULL REFERENCES identity_groups (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, group_id)
);
CREATE INDEX identity_memberships_by_group ON identity_memberships (group_id);

CREATE TABLE identity_roles (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    domain_id TEXT REFERENCES identity_domains (id),
    description TEXT,
    extra TEXT NOT NULL
);
CREATE UNIQUE INDEX identity_roles_global ON identity_roles (name) WHERE domain_id IS NULL;
CREATE UNIQUE INDEX identity_roles_of_domain ON identity_roles (domain_id, name) WHERE domain_id IS NOT NULL;

CREATE TABLE identity_implied_roles (
    prior_id TEXT NOT NULL REFERENCES identity_roles (id) ON DELETE CASCADE,
    implied_id TEXT NOT NULL REFERENCES identity_roles (id) ON DELETE CASCADE,
    PRIMARY KEY (prior_id, implied_id)
);

CREATE TABLE identity_assignments (
    actor_type TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    target_type TEXT NOT NULL,
    target_id TEXT NOT NULL,
    role_id TEXT NOT NULL REFERENCES identity_roles (id) ON DELETE CASCADE,
    inherited BOOLEAN NOT NULL,
    PRIMARY KEY (actor_type, actor_id, target_type, target_id, role_id, inherited)
);
CREATE INDEX identity_assignments_by_target ON identity_assignments (target_type, target_id);
CREATE INDEX identity_assignments_by_role ON identity_assignments (role_id);

CREATE TABLE identity_regions (
    id TEXT PRIMARY KEY,
    parent_id TEXT REFERENCES identity_regions (id),
    description TEXT NOT NULL,
    extra TEXT NOT NULL
);

CREATE TABLE identity_services (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    enabled BOOLEAN NOT NULL,
    extra TEXT NOT NULL
);
CREATE INDEX identity_services_by_type ON identity_services (kind, name);

CREATE TABLE identity_endpoints (
    id TEXT PRIMARY KEY,
    service_id TEXT NOT NULL REFERENCES identity_services (id) ON DELETE CASCADE,
    region_id TEXT REFERENCES identity_regions (id),
    interface TEXT NOT NULL,
    url TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    extra TEXT NOT NULL
);
CREATE INDEX identity_endpoints_by_service ON identity_endpoints (service_id);

CREATE TABLE identity_revocations (
    audit_id TEXT NOT NULL,
    chain BOOLEAN NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (audit_id, chain)
);
CREATE INDEX identity_revocations_by_expiry ON identity_revocations (expires_at);
