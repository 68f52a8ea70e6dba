-- Accounts -----------------------------------------------------------------------------------------------------------

create table plans (
    id             bigint generated always as identity primary key,
    name           text not null unique,
    -- Null means unlimited, 0 means nothing.
    max_bytes      bigint check (max_bytes >= 0),
    max_nodes      bigint check (max_nodes >= 0),
    max_file_bytes bigint check (max_file_bytes >= 0),
    trash_days     int check (trash_days >= 0)
);

insert into plans (name, max_bytes, trash_days) values ('default', 10737418240, 30);

create table users (
    id               bigint generated always as identity primary key,
    -- No '@', so that a username is never another user's email; no ':', which ends a name in Basic authentication.
    username         text not null check (char_length(username) between 1 and 80 and username !~ '[@:/\\[:cntrl:]]'),
    email            text check (char_length(email) between 3 and 120 and email like '%_@_%'),
    password_hash    text not null,
    is_admin         boolean not null default false,
    plan_id          bigint not null references plans,
    disabled_at      timestamptz,
    -- Changes whenever a credential of the user stops being good; whoever remembers a verified credential remembers
    -- this with it, and every statement on the tree compares it.
    credential_stamp uuid not null default gen_random_uuid(),
    created_at       timestamptz not null default now()
);

create unique index users_username on users (lower(username));
create unique index users_email on users (lower(email));
create index users_plan on users (plan_id);

create table app_passwords (
    id           bigint generated always as identity primary key,
    user_id      bigint not null references users,
    label        text not null check (char_length(label) between 1 and 80),
    secret_hash  bytea not null unique check (octet_length(secret_hash) = 32),
    created_at   timestamptz not null default now(),
    last_used_at timestamptz
);

create unique index app_passwords_label on app_passwords (user_id, label);

-- One row a user, apart from users, because every write of a file changes it.
create table usage (
    user_id        bigint primary key references users,
    bytes          bigint not null default 0 check (bytes >= 0),
    reserved_bytes bigint not null default 0 check (reserved_bytes >= 0),
    nodes          bigint not null default 0 check (nodes >= 0)
) with (fillfactor = 50);

-- Failed sign-ins, counted here so that the limit holds across daemons and restarts.
create table sign_in_failures (
    subject      text primary key check (octet_length(subject) <= 200),
    failures     int not null,
    window_start timestamptz not null
);

create index sign_in_failures_window on sign_in_failures (window_start);

-- Blobs --------------------------------------------------------------------------------------------------------------

-- A key has its row from before its first byte until after its deletion. A doomed key is never written again.
create table blob_objects (
    key       text collate "C" primary key,
    store     text not null,
    doomed_at timestamptz
);

create table blobs (
    id           bigint generated always as identity primary key,
    sha256       bytea not null unique check (octet_length(sha256) = 32),
    size         bigint not null check (size > 0),
    -- Null for bytes that Kosha has not read itself.
    sha1         bytea check (octet_length(sha1) = 20),
    md5          bytea check (octet_length(md5) = 16),
    state        text not null check (state in ('storing', 'live', 'condemned', 'damaged')),
    object_key   text collate "C" not null unique references blob_objects,
    touched_at   timestamptz not null default now(),
    condemned_at timestamptz
);

create index blobs_not_live on blobs (state, touched_at) where state <> 'live';

-- The tree -----------------------------------------------------------------------------------------------------------

create table file_nodes (
    id                 bigint generated always as identity primary key,
    user_id            bigint not null references users,
    -- Null for a user's root, and for the top of what lies in the trash.
    parent_id          bigint references file_nodes,
    name               text collate "C" not null check (octet_length(name) <= 255),
    -- The name with case folded, written by NodePath.
    name_folded        text collate "C" not null,
    is_folder          boolean not null,
    -- Null for folders and for empty files: the empty content is never stored.
    blob_id            bigint references blobs,
    size               bigint not null default 0 check (size >= 0),
    -- Names this content of this file: new with every write of content, kept by rename, move and copy.
    etag               uuid not null default gen_random_uuid(),
    content_type       text check (octet_length(content_type) <= 255),
    created_at         timestamptz not null default now(),
    modified_at        timestamptz not null default now(),
    -- The modification time was set by a client or came along with a move or copy, so it says nothing about when this
    -- name got its content, and is no validator.
    modified_by_client boolean not null default false,
    is_favorite        boolean not null default false,
    properties         jsonb,
    trashed_at         timestamptz,
    purging_at         timestamptz,
    -- Where a trashed node stood. No foreign key: the place may be gone.
    original_parent_id bigint,
    constraint file_nodes_content check (
        (is_folder and blob_id is null and size = 0)
        or (not is_folder and (blob_id is null) = (size = 0))),
    constraint file_nodes_trash check (
        (trashed_at is null and purging_at is null and original_parent_id is null)
        or (trashed_at is not null and parent_id is null))
);

create unique index file_nodes_root on file_nodes (user_id) where parent_id is null and trashed_at is null;
create unique index file_nodes_sibling on file_nodes (parent_id, name);
create index file_nodes_folded on file_nodes (parent_id, name_folded);
create index file_nodes_blob on file_nodes (blob_id) where blob_id is not null;
create index file_nodes_user on file_nodes (user_id);
create index file_nodes_trashed on file_nodes (user_id, trashed_at) where trashed_at is not null;

create table locks (
    id              bigint generated always as identity primary key,
    token           uuid not null unique,
    node_id         bigint not null references file_nodes on delete cascade,
    user_id         bigint not null references users,
    is_exclusive    boolean not null,
    -- Depth infinity: also holds for everything below a folder.
    is_deep         boolean not null,
    -- The DAV:owner element as the client sent it.
    owner           text,
    timeout_seconds int not null check (timeout_seconds > 0),
    expires_at      timestamptz not null
);

create index locks_node on locks (node_id);
create index locks_user on locks (user_id);
create index locks_expiry on locks (expires_at);
