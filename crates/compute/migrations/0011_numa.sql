-- A node's processors and memory by NUMA node, and what servers have of them.
ALTER TABLE compute_nodes ADD COLUMN numa TEXT NOT NULL DEFAULT '{}';
