-- Links by which anybody who has one reaches a file, or a folder and what is in it.
create table share_links (
    id              bigint generated always as identity primary key,
    user_id         bigint not null references users,
    -- Whoever deletes a node deletes its links in the same statement.
    node_id         bigint not null references file_nodes,
    token_hash      bytea not null unique check (octet_length(token_hash) = 32),
    -- The token for its owner's eyes, protected by the installation's keys.
    token_protected bytea not null check (octet_length(token_protected) <= 1024),
    -- New with whatever a visitor who is inside must notice: a new password, other rights, a maximum.
    stamp           uuid not null default gen_random_uuid(),
    -- What its owner calls it.
    name            text check (char_length(name) between 1 and 200),
    password_hash   text check (octet_length(password_hash) <= 1024),
    allows_download boolean not null,
    allows_upload   boolean not null,
    -- Null: never.
    expires_at      timestamptz,
    -- Null: any number.
    max_downloads   bigint check (max_downloads > 0),
    downloads       bigint not null default 0,
    accesses        bigint not null default 0,
    created_at      timestamptz not null default now(),
    last_used_at    timestamptz,
    revoked_at      timestamptz,
    constraint share_links_rights check (allows_download or allows_upload),
    constraint share_links_downloads check (downloads <= max_downloads)
);

create index share_links_user on share_links (user_id, id);
create index share_links_node on share_links (node_id);
-- What is over for long goes.
create index share_links_expired on share_links (expires_at) where expires_at is not null;
create index share_links_revoked on share_links (revoked_at) where revoked_at is not null;
create index share_links_used_up on share_links (last_used_at) where downloads >= max_downloads;

-- Where a node stands, for people; null while it is in the trash.
create function path_of(node_id bigint) returns text language plpgsql stable strict as $$
begin
    return (
        with recursive up as (
            select n.parent_id, n.trashed_at, array[n.name] as names from file_nodes n where n.id = node_id
            union all
            select p.parent_id, p.trashed_at, p.name || up.names
            from up
            cross join lateral (
                select f.parent_id, f.trashed_at, f.name from file_nodes f where f.id = up.parent_id limit 1) p)
        select array_to_string(up.names, '/') from up where up.parent_id is null and up.trashed_at is null);
end $$;

-- As everywhere null is unlimited, and 0 is nothing.
alter table plans
    add max_share_links                  int check (max_share_links >= 0),
    add max_share_days                   int check (max_share_days >= 0),
    add max_share_links_without_password int check (max_share_links_without_password >= 0);
