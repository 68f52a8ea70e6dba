-- Where events go: to somebody's own program, or for everybody's events to the administrator's.
create table webhooks (
    id               bigint generated always as identity primary key,
    -- Null: it hears of the whole installation.
    user_id          bigint references users,
    url              text not null check (octet_length(url) between 1 and 2048),
    description      text not null default '' check (octet_length(description) <= 500),
    -- Such as file.created, or file.* for all of a kind.
    events           text[] not null check (cardinality(events) between 1 and 50),
    -- Protected under the master key.
    secret           text not null check (octet_length(secret) <= 2000),
    -- It still signs, beside the new one, so that the receiver can change over.
    old_secret       text check (octet_length(old_secret) <= 2000),
    old_secret_until timestamptz,
    created_at       timestamptz not null default now(),
    disabled_at      timestamptz,
    disabled_reason  text check (octet_length(disabled_reason) <= 500),
    -- Its owner has removed it; the row goes when nothing is left of what waited for it.
    deleting_at      timestamptz check (deleting_at is null or disabled_at is not null)
);

create index webhooks_user on webhooks (user_id);
create index webhooks_of_all on webhooks (id) where user_id is null;
create index webhooks_deleting on webhooks (deleting_at) where deleting_at is not null;

-- What is to be told, one row for each webhook that wants it, written with what it tells of.
create table outbox (
    id              bigint generated always as identity primary key,
    webhook_id      bigint not null references webhooks,
    -- The receiver knows by it what it has already.
    message_id      uuid not null default gen_random_uuid(),
    type            text not null check (octet_length(type) between 1 and 50),
    -- What tells of one node arrives in order.
    node_id         bigint,
    payload         text not null check (octet_length(payload) <= 65536),
    created_at      timestamptz not null default now(),
    state           text not null default 'pending' check (state in ('pending', 'delivered', 'dead')),
    attempts        int not null default 0,
    next_attempt_at timestamptz not null default now(),
    -- A daemon sends it now; one that died is followed after this time.
    claimed_until   timestamptz,
    last_status     int,
    last_error      text check (octet_length(last_error) <= 1000),
    ended_at        timestamptz
);

create index outbox_webhook on outbox (webhook_id, state, id);
create index outbox_due on outbox (webhook_id, next_attempt_at) where state = 'pending';
create index outbox_claimed on outbox (webhook_id, claimed_until) where claimed_until is not null;
create index outbox_order on outbox (webhook_id, node_id, id) where state = 'pending';
create index outbox_ended on outbox (ended_at) where state <> 'pending';

-- Who the users are for the identity provider that sends user.created and user.deleted.
alter table users add external_id text check (octet_length(external_id) between 1 and 200);
create unique index users_external_id on users (external_id) where external_id is not null;

-- Messages of the identity provider that were carried out, so that none is twice.
create table identity_messages (
    id          text primary key check (octet_length(id) between 1 and 200),
    received_at timestamptz not null default now()
);

create index identity_messages_received on identity_messages (received_at);
