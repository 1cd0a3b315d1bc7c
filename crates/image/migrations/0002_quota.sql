-- One row for each project or domain that is under a limit: whoever counts its images holds it meanwhile.
CREATE TABLE image_quota_locks (
    owner TEXT PRIMARY KEY
);
