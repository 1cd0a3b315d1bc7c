-- Since when a server is in its state, whatever else is changed of it.
ALTER TABLE servers ADD COLUMN state_since BIGINT NOT NULL DEFAULT 0;
UPDATE servers SET state_since = updated_at;
DROP INDEX servers_waiting;
CREATE INDEX servers_waiting ON servers (vm_state, state_since) WHERE deleted_at IS NULL;
