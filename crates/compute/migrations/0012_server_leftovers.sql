-- What is left of servers on nodes that were away when it was to go: removed when they are back.
CREATE TABLE server_leftovers (
    server_id TEXT NOT NULL,
    host TEXT NOT NULL,
    -- Until when somebody is removing it, or waits after it could not be removed.
    busy_until BIGINT NOT NULL,
    PRIMARY KEY (server_id, host)
);
CREATE INDEX server_leftovers_host ON server_leftovers (host);
