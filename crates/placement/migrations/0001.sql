CREATE TABLE placement_providers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    generation BIGINT NOT NULL,
    parent_id TEXT REFERENCES placement_providers (id),
    root_id TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX placement_providers_root ON placement_providers (root_id);
CREATE INDEX placement_providers_parent ON placement_providers (parent_id);

-- capacity is what can be allocated in all; used is the sum of the allocations, kept in their transaction.
CREATE TABLE placement_inventories (
    provider_id TEXT NOT NULL REFERENCES placement_providers (id),
    class TEXT NOT NULL,
    total BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    min_unit BIGINT NOT NULL,
    max_unit BIGINT NOT NULL,
    step_size BIGINT NOT NULL,
    allocation_ratio DOUBLE PRECISION NOT NULL,
    capacity BIGINT NOT NULL,
    used BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (provider_id, class)
);
CREATE INDEX placement_inventories_class ON placement_inventories (class, provider_id);

CREATE TABLE placement_provider_traits (
    provider_id TEXT NOT NULL REFERENCES placement_providers (id),
    trait TEXT NOT NULL,
    PRIMARY KEY (provider_id, trait)
);
CREATE INDEX placement_provider_traits_trait ON placement_provider_traits (trait);

CREATE TABLE placement_provider_aggregates (
    provider_id TEXT NOT NULL REFERENCES placement_providers (id),
    aggregate_id TEXT NOT NULL,
    PRIMARY KEY (provider_id, aggregate_id)
);
CREATE INDEX placement_provider_aggregates_aggregate ON placement_provider_aggregates (aggregate_id);

CREATE TABLE placement_custom_traits (name TEXT PRIMARY KEY);
CREATE TABLE placement_custom_classes (name TEXT PRIMARY KEY);

CREATE TABLE placement_consumers (
    id TEXT PRIMARY KEY,
    generation BIGINT NOT NULL,
    project_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    consumer_type TEXT NOT NULL
);
CREATE INDEX placement_consumers_project ON placement_consumers (project_id, user_id);

CREATE TABLE placement_allocations (
    consumer_id TEXT NOT NULL REFERENCES placement_consumers (id),
    provider_id TEXT NOT NULL REFERENCES placement_providers (id),
    class TEXT NOT NULL,
    used BIGINT NOT NULL,
    PRIMARY KEY (consumer_id, provider_id, class)
);
CREATE INDEX placement_allocations_provider ON placement_allocations (provider_id);
