-- Ports that were deleted while servers had them, until compute has taken up that their cards are to go.
CREATE TABLE network_ports_gone (
    port_id TEXT PRIMARY KEY,
    server_id TEXT NOT NULL,
    network_id TEXT NOT NULL,
    mac_address TEXT NOT NULL,
    mtu BIGINT NOT NULL,
    not_before BIGINT NOT NULL
);
