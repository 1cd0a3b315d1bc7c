CREATE TABLE image_images (
    id TEXT PRIMARY KEY,
    -- Unknown texts are empty and unknown numbers -1: lists are sorted by these columns.
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    visibility TEXT NOT NULL,
    status TEXT NOT NULL,
    disk_format TEXT NOT NULL,
    container_format TEXT NOT NULL,
    size BIGINT NOT NULL,
    virtual_size BIGINT NOT NULL,
    checksum TEXT,
    hash_value TEXT,
    min_disk BIGINT NOT NULL,
    min_ram BIGINT NOT NULL,
    protected BOOLEAN NOT NULL,
    os_hidden BOOLEAN NOT NULL,
    -- The upload that brings or brought the bytes; it names their file.
    upload TEXT,
    -- Until when an upload under way is believed to be alive.
    upload_until BIGINT,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX image_images_created ON image_images (created_at, id);
CREATE INDEX image_images_updated ON image_images (updated_at, id);
CREATE INDEX image_images_owner ON image_images (owner, created_at, id);
CREATE INDEX image_images_name ON image_images (name, id);
CREATE INDEX image_images_visibility ON image_images (visibility, created_at, id);
CREATE UNIQUE INDEX image_images_upload ON image_images (upload) WHERE upload IS NOT NULL;
CREATE INDEX image_images_saving ON image_images (upload_until) WHERE upload_until IS NOT NULL;

CREATE TABLE image_properties (
    image_id TEXT NOT NULL REFERENCES image_images (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (image_id, name)
);
CREATE INDEX image_properties_name ON image_properties (name, image_id);

CREATE TABLE image_tags (
    image_id TEXT NOT NULL REFERENCES image_images (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (image_id, tag)
);
CREATE INDEX image_tags_tag ON image_tags (tag, image_id);

CREATE TABLE image_members (
    image_id TEXT NOT NULL REFERENCES image_images (id) ON DELETE CASCADE,
    member_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (image_id, member_id)
);
CREATE INDEX image_members_member ON image_members (member_id, status, image_id);
