-- Processors of a node that are set aside for servers which want some for themselves alone.
ALTER TABLE compute_nodes ADD COLUMN dedicated_cpus BIGINT NOT NULL DEFAULT 0;
