-- Browsers that are signed in. Whoever has the secret of which the hash stands here is the user.
create table sessions (
    id               bigint generated always as identity primary key,
    user_id          bigint not null references users,
    secret_hash      bytea not null unique check (octet_length(secret_hash) = 32),
    -- users.credential_stamp when the password was verified.
    credential_stamp uuid not null,
    -- It outlives the browser.
    is_remembered    boolean not null,
    user_agent       text check (char_length(user_agent) <= 200),
    created_at       timestamptz not null default now(),
    -- Right to about a minute.
    last_used_at     timestamptz not null default now(),
    expires_at       timestamptz not null
);

create index sessions_user on sessions (user_id, id);
