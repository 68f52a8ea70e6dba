-- What the jobs did, whether their schedule or a person started them.
create table job_runs (
    id         bigint generated always as identity primary key,
    job        text not null check (octet_length(job) between 1 and 80),
    -- The machine, and the process on it.
    node       text not null,
    started_at timestamptz not null default now(),
    ended_at   timestamptz,
    -- problems: it went through and found what a person should look at; skipped: another process did this work;
    -- interrupted: the process was stopped or died.
    outcome    text not null default 'running'
        check (outcome in ('running', 'done', 'problems', 'failed', 'skipped', 'interrupted')),
    message    text
);

create index job_runs_job on job_runs (job, id);

-- Tops of trash whose days are over; they come no more, and go piece by piece.
create index file_nodes_purging on file_nodes (id) where purging_at is not null;

-- What is marked is due no more: a user's trash of a million files is not read again for each batch that is marked.
drop index file_nodes_trashed;
create index file_nodes_trashed on file_nodes (user_id, trashed_at) where trashed_at is not null and purging_at is null;

create index blobs_without_digests on blobs (id) where sha1 is null or md5 is null;
