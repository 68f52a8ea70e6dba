-- Names that are found by a part of them, or by something like them.
create extension if not exists pg_trgm;
create extension if not exists btree_gin;

-- What is compared: without case, and without the marks above and below letters.
create function search_key(name text) returns text language sql immutable strict parallel safe
    return normalize(
        regexp_replace(normalize(lower(name collate "default"), nfkd), U&'[\0300-\036F]', '', 'g'), nfkc);

-- One row for each node with a name. Apart from file_nodes, because its index costs much more than the others and
-- changes only with a name.
create table node_names (
    node_id bigint primary key references file_nodes on delete cascade,
    user_id bigint not null,
    -- search_key of the node's name.
    name    text not null
);

insert into node_names (node_id, user_id, name)
select id, user_id, search_key(name) from file_nodes where name <> '';

-- Now, because an index is built many times faster than it grows name by name.
create index node_names_search on node_names using gin (user_id, name gin_trgm_ops);

-- By triggers, because a name comes in by many statements and a row here must never be forgotten.
create function note_new_names() returns trigger language plpgsql as $$
begin
    insert into node_names (node_id, user_id, name)
    select id, user_id, search_key(name) from made where name <> '';
    return null;
end $$;

create trigger file_nodes_named after insert on file_nodes
    referencing new table as made for each statement execute function note_new_names();

create function note_new_name() returns trigger language plpgsql as $$
begin
    update node_names set name = search_key(new.name) where node_id = new.id;
    return null;
end $$;

create trigger file_nodes_renamed after update of name on file_nodes
    for each row when (old.name is distinct from new.name) execute function note_new_name();

-- Searches that a user keeps.
create table search_profiles (
    id         bigint generated always as identity primary key,
    user_id    bigint not null references users on delete cascade,
    name       text not null check (char_length(name) between 1 and 80),
    query      text check (char_length(query) between 1 and 200),
    -- Kinds of files, such as image; null: all.
    file_types text[] check (cardinality(file_types) <= 20),
    extensions text[] check (cardinality(extensions) <= 50),
    size_min   bigint check (size_min >= 0),
    size_max   bigint check (size_max >= 0),
    date_from  timestamptz,
    date_to    timestamptz,
    -- No foreign key: a search in a folder that is gone must not become one everywhere.
    folder_id  bigint,
    favorites  boolean not null default false,
    created_at timestamptz not null default now()
);

create unique index search_profiles_name on search_profiles (user_id, lower(name));
