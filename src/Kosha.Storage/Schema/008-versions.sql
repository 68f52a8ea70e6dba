-- Contents that files had before they were written over. They count in the bytes of their user, and keep their blobs.
create table versions (
    id                 bigint generated always as identity primary key,
    node_id            bigint not null references file_nodes,
    -- The node's, so that what is due, and what somebody has, is found by an index.
    user_id            bigint not null references users,
    -- Of empty contents there are no versions.
    blob_id            bigint not null references blobs,
    size               bigint not null check (size > 0),
    -- As they were on the file.
    etag               uuid not null,
    content_type       text check (octet_length(content_type) <= 255),
    modified_at        timestamptz not null,
    -- When the file was written over. The clock's, not the transaction's time: of two writers that waited for a row the
    -- later one may have begun first.
    created_at         timestamptz not null default clock_timestamp(),
    -- The token of the lock under which it was written over: of what is written within one lock only what was there
    -- before is kept. Null without a lock. The lock may be long gone.
    kept_under         uuid
);

create index versions_node on versions (node_id, created_at, id);
create index versions_user on versions (user_id, created_at) include (size);
create index versions_blob_user on versions (blob_id, user_id);

alter table plans
    -- How long versions are kept. As everywhere null is unlimited, and 0 is nothing.
    add version_days     int check (version_days >= 0),
    -- Uploads that one user may have under way; null: as the daemon's setting says.
    add max_open_uploads int check (max_open_uploads >= 0);

update plans set version_days = 30 where name = 'default';

-- Whoever removes trash for good goes on with what is left of it.
create index file_nodes_purging_user on file_nodes (user_id, id) where purging_at is not null;
