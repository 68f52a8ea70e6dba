-- Who this installation is. The store holds the same identity; a store of another installation, or one that is older
-- than the database, must never be served or swept.
create table installation (
    is_only          boolean primary key default true check (is_only),
    id               uuid not null default gen_random_uuid(),
    -- Raised whenever database and store were brought together anew (a restore). Until one full reconcile in the new
    -- epoch nothing is deleted and no row proves that its bytes are there.
    epoch            bigint not null default 1,
    reconciled_epoch bigint not null default 1,
    -- Raised here, and then in the store, before objects are deleted. A store that has seen more of them than the
    -- database was not restored with it: rows may name what is gone.
    deletions        bigint not null default 0,
    -- The store got its identity.
    store_claimed_at timestamptz,
    -- How far the scrub has come: the id of the last blob that it looked at.
    scrubbed_to      bigint not null default 0
);

insert into installation default values;

-- A lock ends with the device's password under which it was taken.
alter table locks add app_password_id bigint references app_passwords on delete cascade;

create index locks_app_password on locks (app_password_id) where app_password_id is not null;

-- Work that only one process of all daemons may do at a time. Holders renew; who died is followed after the expiry.
create table leases (
    name       text primary key,
    holder     uuid not null,
    expires_at timestamptz not null
);

-- Every new content passes through two states; without this index the second one changes no index at all. The sweep,
-- for which it was made, looks at every blob anyway.
drop index blobs_not_live;

alter table blob_objects
    add made_at    timestamptz not null default now(),
    -- The object of a doomed key was deleted. The row stays for a grace time: the key must not be written meanwhile.
    add deleted_at timestamptz,
    add constraint blob_objects_deleted check (deleted_at is null or doomed_at is not null);

create index blob_objects_doomed on blob_objects (doomed_at) where doomed_at is not null;

-- What the store listed, for a reconcile to compare. Its loss in a crash loses nothing.
create unlogged table store_listing (
    key        text collate "C" primary key,
    size       bigint not null,
    written_at timestamptz not null
);
