-- Reservations: quota taken and a place for the bytes given, not yet a file. A row stands from before the first byte
-- under its staging key until nothing can come there by its URLs any more.
create table uploads (
    id             bigint generated always as identity primary key,
    user_id        bigint not null references users,
    -- The names from the user's root on with '/' between them, as NodePath has checked them.
    path           text collate "C" not null,
    size           bigint not null check (size >= 0),
    sha256         bytea not null check (octet_length(sha256) = 32),
    content_type   text check (octet_length(content_type) <= 255),
    modified_at    timestamptz,
    -- '*', or entity tags with ',' between them; null: no condition.
    if_match       text,
    if_none_match  text,
    -- The bytes go to the store itself; false: through a daemon.
    is_direct      boolean not null,
    -- Null: the bytes are put at once.
    part_bytes     bigint check (part_bytes > 0),
    -- The store's name of an upload in parts, until they have become one object.
    multipart_id   text,
    -- What a daemon has received: parts by their number, or 0 for all of it.
    received       int[] not null default '{}',
    -- Of what a daemon has received at once.
    sha1           bytea check (octet_length(sha1) = 20),
    md5            bytea check (octet_length(md5) = 16),
    state          text not null default 'open'
        check (state in ('open', 'verifying', 'completed', 'failed', 'cancelled', 'expired')),
    -- Who verifies it, and until when nobody else may.
    verifier       uuid,
    verifier_until timestamptz,
    -- Why the last completion was refused.
    fault          text,
    message        text,
    -- Of the file that it became.
    etag           uuid,
    -- Part of usage.reserved_bytes.
    reserved_bytes bigint not null check (reserved_bytes >= 0),
    created_at     timestamptz not null default now(),
    urls_expire_at timestamptz not null,
    expires_at     timestamptz not null,
    ended_at       timestamptz,
    -- Its URLs are over, nothing is under its staging keys, and its reservation is given back.
    cleared_at     timestamptz,
    constraint uploads_verifier check ((state = 'verifying') = (verifier is not null)),
    constraint uploads_ended check ((state in ('open', 'verifying')) = (ended_at is null)),
    constraint uploads_cleared check (cleared_at is null or (ended_at is not null and reserved_bytes = 0))
);

create index uploads_user on uploads (user_id, id);
create index uploads_to_clear on uploads (id) where cleared_at is null;
create index uploads_cleared on uploads (ended_at) where cleared_at is not null;

-- Whether a user has a content is asked before each upload, of one that a thousand others have, too.
create index file_nodes_blob_user on file_nodes (blob_id, user_id) where blob_id is not null;
drop index file_nodes_blob;
