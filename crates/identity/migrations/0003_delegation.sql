CREATE TABLE identity_access_rules (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
    service TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    UNIQUE (user_id, service, method, path)
);

CREATE TABLE identity_application_credentials (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT,
    user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
    project_id TEXT NOT NULL REFERENCES identity_projects (id) ON DELETE CASCADE,
    secret_hash TEXT NOT NULL,
    expires_at BIGINT,
    unrestricted BOOLEAN NOT NULL,
    -- Whether access rules apply; with none of them nothing is allowed.
    restricted_to_rules BOOLEAN NOT NULL,
    UNIQUE (user_id, name)
);

CREATE TABLE identity_application_credential_roles (
    credential_id TEXT NOT NULL REFERENCES identity_application_credentials (id) ON DELETE CASCADE,
    role_id TEXT NOT NULL REFERENCES identity_roles (id) ON DELETE CASCADE,
    PRIMARY KEY (credential_id, role_id)
);

CREATE TABLE identity_application_credential_rules (
    credential_id TEXT NOT NULL REFERENCES identity_application_credentials (id) ON DELETE CASCADE,
    rule_id TEXT NOT NULL REFERENCES identity_access_rules (id),
    PRIMARY KEY (credential_id, rule_id)
);
CREATE INDEX identity_application_credential_rules_by_rule ON identity_application_credential_rules (rule_id);

CREATE TABLE identity_trusts (
    id TEXT PRIMARY KEY,
    trustor_user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
    trustee_user_id TEXT NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
    project_id TEXT REFERENCES identity_projects (id) ON DELETE CASCADE,
    impersonation BOOLEAN NOT NULL,
    expires_at BIGINT,
    remaining_uses BIGINT,
    -- A trust that was handed on goes with the one that it came from.
    redelegated_trust_id TEXT REFERENCES identity_trusts (id) ON DELETE CASCADE,
    redelegation_count BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    extra TEXT NOT NULL
);
CREATE INDEX identity_trusts_by_trustor ON identity_trusts (trustor_user_id);
CREATE INDEX identity_trusts_by_trustee ON identity_trusts (trustee_user_id);
CREATE INDEX identity_trusts_by_origin ON identity_trusts (redelegated_trust_id);

-- A role that is deleted stays here, so that the trust ends instead of shrinking.
CREATE TABLE identity_trust_roles (
    trust_id TEXT NOT NULL REFERENCES identity_trusts (id) ON DELETE CASCADE,
    role_id TEXT NOT NULL,
    PRIMARY KEY (trust_id, role_id)
);
