-- The sizes of a server's swap and ephemeral disks where its block device mapping says others than its flavor, in JSON.
ALTER TABLE servers ADD COLUMN local_disks TEXT NOT NULL DEFAULT '{}';
