-- Counts the transactions that changed a provider or anything of it. A provider carries the count of its last change, so
-- that whoever holds a copy of all providers reads only what changed since.
CREATE TABLE placement_clock (id BIGINT PRIMARY KEY, value BIGINT NOT NULL);
INSERT INTO placement_clock (id, value) VALUES (1, 1);
ALTER TABLE placement_providers ADD COLUMN changed BIGINT NOT NULL DEFAULT 1;
CREATE INDEX placement_providers_changed ON placement_providers (changed);

-- The providers that were deleted lately, for the same readers.
CREATE TABLE placement_gone (provider_id TEXT PRIMARY KEY, changed BIGINT NOT NULL);
CREATE INDEX placement_gone_changed ON placement_gone (changed);
