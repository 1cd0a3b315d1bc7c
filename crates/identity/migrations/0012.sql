-- How much of a service's resource a project may have where nothing else is said.
CREATE TABLE identity_registered_limits (
    id TEXT PRIMARY KEY,
    service_id TEXT NOT NULL REFERENCES identity_services (id) ON DELETE CASCADE,
    region_id TEXT REFERENCES identity_regions (id) ON DELETE CASCADE,
    resource_name TEXT NOT NULL,
    default_limit BIGINT NOT NULL,
    description TEXT
);
CREATE UNIQUE INDEX identity_registered_limits_anywhere
    ON identity_registered_limits (service_id, resource_name) WHERE region_id IS NULL;
CREATE UNIQUE INDEX identity_registered_limits_in_region
    ON identity_registered_limits (service_id, resource_name, region_id) WHERE region_id IS NOT NULL;

-- What one project, or one domain, may have instead. Service, region and resource are those of the registered limit.
CREATE TABLE identity_limits (
    id TEXT PRIMARY KEY,
    registered_limit_id TEXT NOT NULL REFERENCES identity_registered_limits (id) ON DELETE CASCADE,
    project_id TEXT REFERENCES identity_projects (id) ON DELETE CASCADE,
    domain_id TEXT REFERENCES identity_domains (id) ON DELETE CASCADE,
    service_id TEXT NOT NULL,
    region_id TEXT,
    resource_name TEXT NOT NULL,
    resource_limit BIGINT NOT NULL,
    description TEXT
);
CREATE UNIQUE INDEX identity_limits_of_project
    ON identity_limits (project_id, registered_limit_id) WHERE project_id IS NOT NULL;
CREATE UNIQUE INDEX identity_limits_of_domain
    ON identity_limits (domain_id, registered_limit_id) WHERE domain_id IS NOT NULL;
CREATE INDEX identity_limits_by_registered ON identity_limits (registered_limit_id);
