-- Who changed what, written in the transaction of the change. The columns are CADF's; details never hold secrets.
CREATE TABLE identity_audit (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    action TEXT NOT NULL,
    target_type TEXT NOT NULL,
    target_id TEXT NOT NULL,
    initiator_id TEXT,
    initiator_project_id TEXT,
    initiator_domain_id TEXT,
    initiator_address TEXT,
    request_id TEXT,
    details TEXT NOT NULL
);
CREATE INDEX identity_audit_by_time ON identity_audit (at, id);
CREATE INDEX identity_audit_by_target ON identity_audit (target_type, target_id, at);
CREATE INDEX identity_audit_by_initiator ON identity_audit (initiator_id, at);
