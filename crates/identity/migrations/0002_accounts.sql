-- Options of a user, what the rules for accounts need to know, and the passwords a user had before.
ALTER TABLE identity_users ADD COLUMN options TEXT NOT NULL DEFAULT '{}';
ALTER TABLE identity_users ADD COLUMN password_created_at BIGINT;
ALTER TABLE identity_users ADD COLUMN password_expires_at BIGINT;
-- Whether the user chose the password, and not an administrator.
ALTER TABLE identity_users ADD COLUMN password_self_service BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE identity_users ADD COLUMN failed_auth_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE identity_users ADD COLUMN failed_auth_at BIGINT;
ALTER TABLE identity_users ADD COLUMN last_active_at BIGINT;
CREATE INDEX identity_users_by_password_expiry ON identity_users (password_expires_at) WHERE password_expires_at IS NOT NULL;

CREATE TABLE identity_old_passwords (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
    password_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX identity_old_passwords_by_user ON identity_old_passwords (user_id, created_at);
