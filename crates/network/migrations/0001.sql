CREATE TABLE networks (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    admin_state_up BOOLEAN NOT NULL,
    shared BOOLEAN NOT NULL,
    external BOOLEAN NOT NULL,
    is_default BOOLEAN NOT NULL,
    network_type TEXT NOT NULL,
    physical_network TEXT,
    segmentation_id BIGINT,
    mtu BIGINT NOT NULL,
    port_security_enabled BOOLEAN NOT NULL,
    dns_domain TEXT NOT NULL
);
CREATE INDEX networks_project ON networks (project_id, id);
CREATE INDEX networks_name ON networks (name, id);
CREATE INDEX networks_for_all ON networks (id) WHERE shared OR external;
CREATE UNIQUE INDEX networks_geneve ON networks (segmentation_id) WHERE network_type = 'geneve';
CREATE UNIQUE INDEX networks_vlan ON networks (physical_network, segmentation_id) WHERE network_type = 'vlan';
CREATE UNIQUE INDEX networks_flat ON networks (physical_network) WHERE network_type = 'flat';

-- Numbers to be given out one by one: a subnet's addresses (its id), or 'geneve'. Numbers are 32 hex digits, so that
-- they sort as text. Whoever takes or gives back locks the pool by counting it up.
CREATE TABLE network_pools (
    id TEXT PRIMARY KEY,
    changes BIGINT NOT NULL
);
-- What belongs to the pool.
CREATE TABLE network_pool_ranges (
    pool_id TEXT NOT NULL REFERENCES network_pools (id) ON DELETE CASCADE,
    first TEXT NOT NULL,
    last TEXT NOT NULL,
    PRIMARY KEY (pool_id, first)
);
-- What of it is free, in as few ranges as possible.
CREATE TABLE network_pool_free (
    pool_id TEXT NOT NULL REFERENCES network_pools (id) ON DELETE CASCADE,
    first TEXT NOT NULL,
    last TEXT NOT NULL,
    PRIMARY KEY (pool_id, first)
);

CREATE TABLE network_subnets (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    network_id TEXT NOT NULL REFERENCES networks (id),
    ip_version BIGINT NOT NULL,
    cidr TEXT NOT NULL,
    first TEXT NOT NULL,
    last TEXT NOT NULL,
    gateway_ip TEXT,
    enable_dhcp BOOLEAN NOT NULL,
    dns_nameservers TEXT NOT NULL,
    host_routes TEXT NOT NULL,
    ipv6_ra_mode TEXT,
    ipv6_address_mode TEXT
);
CREATE INDEX network_subnets_network ON network_subnets (network_id, created_at, id);
CREATE INDEX network_subnets_project ON network_subnets (project_id, id);
CREATE INDEX network_subnets_name ON network_subnets (name, id);

CREATE TABLE network_ports (
    id TEXT PRIMARY KEY,
    -- Empty for ports that the service keeps for itself.
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    network_id TEXT NOT NULL REFERENCES networks (id),
    mac_address TEXT NOT NULL,
    device_id TEXT NOT NULL,
    device_owner TEXT NOT NULL,
    admin_state_up BOOLEAN NOT NULL,
    status TEXT NOT NULL,
    port_security_enabled BOOLEAN NOT NULL,
    allowed_address_pairs TEXT NOT NULL,
    extra_dhcp_opts TEXT NOT NULL,
    dns_name TEXT NOT NULL,
    -- The node; empty while the port is not bound.
    host TEXT NOT NULL,
    vnic_type TEXT NOT NULL,
    profile TEXT NOT NULL
);
CREATE UNIQUE INDEX network_ports_mac ON network_ports (network_id, mac_address);
CREATE INDEX network_ports_project ON network_ports (project_id, id);
CREATE INDEX network_ports_device ON network_ports (device_id, id);
CREATE INDEX network_ports_name ON network_ports (name, id);
CREATE INDEX network_ports_host ON network_ports (host, id) WHERE host <> '';

CREATE TABLE network_addresses (
    subnet_id TEXT NOT NULL REFERENCES network_subnets (id),
    -- 32 hex digits.
    number TEXT NOT NULL,
    ip_address TEXT NOT NULL,
    network_id TEXT NOT NULL,
    port_id TEXT NOT NULL REFERENCES network_ports (id),
    position BIGINT NOT NULL,
    PRIMARY KEY (subnet_id, number)
);
CREATE INDEX network_addresses_port ON network_addresses (port_id, position);
CREATE INDEX network_addresses_ip ON network_addresses (ip_address);

-- Which ports a server has, in the order of its interfaces, and which of them were made for it.
CREATE TABLE network_server_ports (
    server_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    port_id TEXT NOT NULL REFERENCES network_ports (id) ON DELETE CASCADE,
    made BOOLEAN NOT NULL,
    tag TEXT,
    PRIMARY KEY (server_id, position)
);
CREATE UNIQUE INDEX network_server_ports_port ON network_server_ports (port_id);

CREATE TABLE network_security_groups (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    stateful BOOLEAN NOT NULL,
    is_default BOOLEAN NOT NULL
);
CREATE INDEX network_security_groups_project ON network_security_groups (project_id, id);
CREATE INDEX network_security_groups_name ON network_security_groups (name, id);
CREATE UNIQUE INDEX network_security_groups_default ON network_security_groups (project_id) WHERE is_default;

CREATE TABLE network_security_rules (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    security_group_id TEXT NOT NULL REFERENCES network_security_groups (id) ON DELETE CASCADE,
    direction TEXT NOT NULL,
    ethertype TEXT NOT NULL,
    protocol TEXT,
    port_range_min BIGINT,
    port_range_max BIGINT,
    remote_ip_prefix TEXT,
    remote_group_id TEXT REFERENCES network_security_groups (id) ON DELETE CASCADE,
    -- What it permits, in one text: a group permits nothing twice.
    meaning TEXT NOT NULL
);
CREATE UNIQUE INDEX network_security_rules_meaning ON network_security_rules (security_group_id, meaning);
CREATE INDEX network_security_rules_project ON network_security_rules (project_id, id);
CREATE INDEX network_security_rules_remote ON network_security_rules (remote_group_id);

CREATE TABLE network_port_groups (
    port_id TEXT NOT NULL REFERENCES network_ports (id) ON DELETE CASCADE,
    security_group_id TEXT NOT NULL REFERENCES network_security_groups (id),
    PRIMARY KEY (port_id, security_group_id)
);
CREATE INDEX network_port_groups_group ON network_port_groups (security_group_id);

CREATE TABLE network_routers (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    admin_state_up BOOLEAN NOT NULL,
    gateway_network_id TEXT REFERENCES networks (id),
    gateway_port_id TEXT REFERENCES network_ports (id),
    enable_snat BOOLEAN NOT NULL,
    routes TEXT NOT NULL
);
CREATE INDEX network_routers_project ON network_routers (project_id, id);
CREATE INDEX network_routers_name ON network_routers (name, id);
CREATE INDEX network_routers_gateway ON network_routers (gateway_network_id);

CREATE TABLE network_floating_ips (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    network_id TEXT NOT NULL REFERENCES networks (id),
    ip_address TEXT NOT NULL,
    holder_port_id TEXT NOT NULL REFERENCES network_ports (id),
    port_id TEXT REFERENCES network_ports (id),
    fixed_ip TEXT,
    router_id TEXT REFERENCES network_routers (id),
    status TEXT NOT NULL
);
CREATE INDEX network_floating_ips_project ON network_floating_ips (project_id, id);
CREATE INDEX network_floating_ips_address ON network_floating_ips (ip_address);
CREATE UNIQUE INDEX network_floating_ips_target ON network_floating_ips (port_id, fixed_ip) WHERE port_id IS NOT NULL;
CREATE INDEX network_floating_ips_router ON network_floating_ips (router_id) WHERE router_id IS NOT NULL;

CREATE TABLE network_tags (
    resource_id TEXT NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (resource_id, tag)
);
CREATE INDEX network_tags_tag ON network_tags (tag, resource_id);

CREATE TABLE network_quotas (
    project_id TEXT NOT NULL,
    resource TEXT NOT NULL,
    quota BIGINT NOT NULL,
    PRIMARY KEY (project_id, resource)
);
CREATE TABLE network_usage (
    project_id TEXT NOT NULL,
    resource TEXT NOT NULL,
    used BIGINT NOT NULL,
    PRIMARY KEY (project_id, resource)
);

-- What was committed but perhaps not yet made real.
CREATE TABLE network_changes (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    parent TEXT,
    -- Of the newest transaction that changed the thing.
    token TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX network_changes_created_at ON network_changes (created_at);

CREATE TABLE network_agents (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    agent_type TEXT NOT NULL,
    program TEXT NOT NULL,
    admin_state_up BOOLEAN NOT NULL,
    started_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    heartbeat_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX network_agents_host ON network_agents (host, agent_type);
