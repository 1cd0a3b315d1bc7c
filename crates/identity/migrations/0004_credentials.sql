CREATE TABLE identity_credentials (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
    project_id TEXT,
    kind TEXT NOT NULL,
    -- Encrypted; the hash names the key, so that a rotation finds what is left to do.
    encrypted_blob TEXT NOT NULL,
    key_hash TEXT NOT NULL,
    extra TEXT NOT NULL
);
CREATE INDEX identity_credentials_by_user ON identity_credentials (user_id, kind);
CREATE INDEX identity_credentials_by_key ON identity_credentials (key_hash);

-- The last time window of which a passcode of the credential was accepted: each is good for one login.
CREATE TABLE identity_used_passcodes (
    credential_id TEXT PRIMARY KEY REFERENCES identity_credentials (id) ON DELETE CASCADE,
    time_window BIGINT NOT NULL
);

ALTER TABLE identity_revocations ADD COLUMN revoked_at BIGINT NOT NULL DEFAULT 0;
