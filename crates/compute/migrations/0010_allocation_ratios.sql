-- How far a node itself says to be overcommitted.
ALTER TABLE compute_nodes ADD COLUMN allocation_ratios TEXT NOT NULL DEFAULT '{}';
