-- Options of a resource; the only one is {"immutable": true}, which refuses changes and deletion.
ALTER TABLE identity_domains ADD COLUMN options TEXT NOT NULL DEFAULT '{}';
ALTER TABLE identity_projects ADD COLUMN options TEXT NOT NULL DEFAULT '{}';
ALTER TABLE identity_roles ADD COLUMN options TEXT NOT NULL DEFAULT '{}';
