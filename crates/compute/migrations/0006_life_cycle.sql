-- Who locked the server: owner, admin, '' for nobody.
ALTER TABLE servers ADD COLUMN locked_by TEXT NOT NULL DEFAULT '';
-- The image that it is rescued with, in JSON.
ALTER TABLE servers ADD COLUMN rescue TEXT;
-- What it was before it was resized, in JSON, as long as that can be reverted.
ALTER TABLE servers ADD COLUMN resized_from TEXT;
-- The image that its disk became when it was shelved.
ALTER TABLE servers ADD COLUMN shelved_image_id TEXT NOT NULL DEFAULT '';
-- The administrator's password as the guest told it, encrypted with the user's key.
ALTER TABLE servers ADD COLUMN password TEXT NOT NULL DEFAULT '';
-- Files that the user gave for the guest (path and content in base64), in JSON.
ALTER TABLE servers ADD COLUMN personality TEXT NOT NULL DEFAULT '{}';

-- Servers whose resize waits to be confirmed, and servers that can still be restored.
CREATE INDEX servers_waiting ON servers (vm_state, updated_at) WHERE deleted_at IS NULL;

INSERT INTO server_numbers (id, last) SELECT 'migration', 0
    WHERE NOT EXISTS (SELECT 1 FROM server_numbers WHERE id = 'migration');
