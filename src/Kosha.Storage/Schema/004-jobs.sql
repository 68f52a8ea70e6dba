-- What the jobs did, whether their schedule or a person started them.
create table job_runs (
    id         bigint generated always as identity primary key,
    job        text not null check (octet_length(job) between 1 and 80),
    -- The machine, and the process on it.
    node       text not null,
    started_at timestamptz not null default now(),
    ended_at   timestamptz,
    -- skipped: another process did this work; interrupted: the process died.
    outcome    text not null default 'running'
        check (outcome in ('running', 'done', 'failed', 'skipped', 'interrupted')),
    message    text
);

create index job_runs_job on job_runs (job, id);

-- Tops of trash whose days are over; they come no more, and go piece by piece.
create index file_nodes_purging on file_nodes (id) where purging_at is not null;
