-- What is left of servers on nodes that were away when it was to go: removed when they are back.
CREATE TABLE server_remains (
    server_id TEXT NOT NULL,
    host TEXT NOT NULL,
    PRIMARY KEY (server_id, host)
);
