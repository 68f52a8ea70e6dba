-- Who did what, with which credential, from where. Nothing here has a foreign key: an entry outlives what it tells of.
create table audit (
    id            bigint generated always as identity primary key,
    at            timestamptz not null default now(),
    -- Who; null: a command on the machine, the system itself, or nobody that Kosha knows.
    user_id       bigint,
    username      text check (char_length(username) <= 80),
    -- Whom it was done to, if that is somebody else.
    concerned_id  bigint,
    -- password, app-password, session, share-link or command; null: none.
    credential    text check (char_length(credential) <= 40),
    credential_id bigint,
    address       text check (char_length(address) <= 80),
    action        text not null check (char_length(action) <= 40),
    is_refused    boolean not null default false,
    -- Equal refusals of one minute are one entry, so that nobody can flood the log.
    times         bigint not null default 1,
    refused_in    timestamptz,
    refusal       bytea check (octet_length(refusal) = 32),
    node_id       bigint,
    subject       text check (char_length(subject) <= 1000),
    detail        text check (char_length(detail) <= 1000)
);

-- Lists go by time, the newest first, and the oldest go when their days are over.
create index audit_at on audit (at, id);
create index audit_user on audit (user_id, at, id) where user_id is not null;
create index audit_concerned on audit (concerned_id, at, id) where concerned_id is not null;
create index audit_action on audit (action, at, id);
create index audit_node on audit (node_id, at, id) where node_id is not null;
create index audit_address on audit (address, at, id) where address is not null;
create index audit_refused on audit (at, id) where is_refused;
create unique index audit_refusal on audit (refused_in, refusal) where refusal is not null;
