-- Policy documents that clients keep here, and what they are for: an endpoint, a service, or a service in a region.
CREATE TABLE identity_policies (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    blob TEXT NOT NULL,
    extra TEXT NOT NULL
);

CREATE TABLE identity_policy_associations (
    id TEXT PRIMARY KEY,
    policy_id TEXT NOT NULL REFERENCES identity_policies (id) ON DELETE CASCADE,
    endpoint_id TEXT REFERENCES identity_endpoints (id) ON DELETE CASCADE,
    service_id TEXT REFERENCES identity_services (id) ON DELETE CASCADE,
    region_id TEXT REFERENCES identity_regions (id) ON DELETE CASCADE
);
CREATE INDEX identity_policy_associations_by_policy ON identity_policy_associations (policy_id);

-- Which endpoints the catalog shows a project; a project without any of these sees all.
CREATE TABLE identity_endpoint_groups (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT,
    filters TEXT NOT NULL,
    extra TEXT NOT NULL
);

CREATE TABLE identity_project_endpoints (
    project_id TEXT NOT NULL REFERENCES identity_projects (id) ON DELETE CASCADE,
    endpoint_id TEXT NOT NULL REFERENCES identity_endpoints (id) ON DELETE CASCADE,
    PRIMARY KEY (project_id, endpoint_id)
);
CREATE INDEX identity_project_endpoints_by_endpoint ON identity_project_endpoints (endpoint_id);

CREATE TABLE identity_project_endpoint_groups (
    project_id TEXT NOT NULL REFERENCES identity_projects (id) ON DELETE CASCADE,
    endpoint_group_id TEXT NOT NULL REFERENCES identity_endpoint_groups (id) ON DELETE CASCADE,
    PRIMARY KEY (project_id, endpoint_group_id)
);
CREATE INDEX identity_project_endpoint_groups_by_group ON identity_project_endpoint_groups (endpoint_group_id);

-- Options of a domain that differ from the cloud's. Values are JSON; sensitive ones are encrypted.
CREATE TABLE identity_domain_options (
    domain_id TEXT NOT NULL REFERENCES identity_domains (id) ON DELETE CASCADE,
    section TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    sensitive BOOLEAN NOT NULL,
    PRIMARY KEY (domain_id, section, name)
);
