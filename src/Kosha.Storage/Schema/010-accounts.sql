-- App passwords that reach less than all files -----------------------------------------------------------------------

-- Whether the chain of a node's parents reaches a root. In a function, so that a statement which asks for it only where
-- an app password is limited to a folder costs everybody else nothing.
create function is_live(node_id bigint) returns boolean language plpgsql stable strict as $$
begin
    return exists (
        with recursive up as (
            select n.parent_id, n.trashed_at from file_nodes n where n.id = node_id
            union all
            select p.parent_id, p.trashed_at
            from up
            cross join lateral (
                select f.parent_id, f.trashed_at from file_nodes f where f.id = up.parent_id limit 1) p)
        select from up where parent_id is null and trashed_at is null);
end $$;

alter table app_passwords
    add is_read_only boolean not null default false,
    -- The folder that is '/' for it; null: the user's root. It ends with its folder, and never reaches more.
    add folder_id    bigint references file_nodes on delete cascade;

create index app_passwords_folder on app_passwords (folder_id) where folder_id is not null;

-- Where the path begins: the folder of the app password by which the upload was begun; null: the user's root. No
-- foreign key: the row must outlive the folder, because bytes may lie under its staging key.
alter table uploads add folder_id bigint;

-- Registration -------------------------------------------------------------------------------------------------------

-- Who has the secret of which the hash stands here may register, once.
create table invites (
    id          bigint generated always as identity primary key,
    secret_hash bytea not null unique check (octet_length(secret_hash) = 32),
    -- For whom, in the words of who made it.
    note        text not null check (char_length(note) <= 200),
    plan_id     bigint not null references plans,
    created_at  timestamptz not null default now(),
    expires_at  timestamptz not null
);

create index invites_plan on invites (plan_id);
create index invites_expiry on invites (expires_at);

-- Two-factor sign-in -------------------------------------------------------------------------------------------------

-- Keys with which daemons protect what only they may read, encrypted under a key derived from the master key.
create table data_protection_keys (
    id         bigint generated always as identity primary key,
    name       text not null check (octet_length(name) <= 200),
    xml        text not null check (octet_length(xml) <= 65536),
    created_at timestamptz not null default now()
);

-- By which a daemon knows whether it has the master key of this installation; null: no daemon has served yet.
alter table installation add master_key_check text check (octet_length(master_key_check) = 32);

create table two_factors (
    user_id      bigint primary key references users,
    -- The secret of the codes, protected by those keys.
    seed         bytea not null check (octet_length(seed) <= 1024),
    -- Null: begun, and no code was shown yet. Until then it protects nothing.
    confirmed_at timestamptz,
    -- The time step of the last code that was taken; no code is taken twice.
    last_step    bigint not null default 0,
    -- Wrong codes since then, up to the next right one: a code is short, and whoever guesses it knows the password.
    wrong_codes  int not null default 0,
    wrong_since  timestamptz not null default now(),
    created_at   timestamptz not null default now()
);

-- Each opens once in place of a code.
create table recovery_codes (
    user_id   bigint not null references two_factors on delete cascade,
    code_hash bytea not null check (octet_length(code_hash) = 32),
    primary key (user_id, code_hash)
);

-- Deletion -----------------------------------------------------------------------------------------------------------

-- From when on an account is being deleted. It is disabled from then on, and its name is free when the row is gone.
alter table users
    add deleting_at timestamptz,
    add constraint users_deleting check (deleting_at is null or disabled_at is not null);

create index users_deleting on users (id) where deleting_at is not null;

-- The last administrator stays one.
create index users_admins on users (id) where is_admin and disabled_at is null;
