-- One run of a job at a time ------------------------------------------------------------------------------------------

-- No daemon of this version runs one yet.
update job_runs set outcome = 'interrupted' where outcome = 'running';

alter table job_runs
    -- The moment of the schedule at which it was due; null: somebody started it by hand.
    add fired_at timestamptz,
    -- Renewed while it runs. One that is old says that the process died.
    add beat_at  timestamptz not null default now(),
    -- How far it has come, in words and numbers.
    add step     text check (octet_length(step) <= 200),
    add done     bigint,
    add total    bigint,
    -- What came of it, by name.
    add counts   jsonb;

create unique index job_runs_running on job_runs (job) where outcome = 'running';
-- Of several daemons one runs what is due, whatever they make of the time.
create unique index job_runs_firing on job_runs (job, fired_at) where fired_at is not null;

-- Jobs that do not run by their schedule until somebody resumes them.
create table job_pauses (
    job       text primary key check (octet_length(job) between 1 and 80),
    paused_at timestamptz not null default now(),
    -- In words; the user may be gone.
    paused_by text not null check (octet_length(paused_by) <= 400)
);

-- What is over goes in batches ----------------------------------------------------------------------------------------

create index sessions_expiry on sessions (expires_at);

-- Figures of a day, for charts ----------------------------------------------------------------------------------------

-- As they were when they were last taken on that day (UTC).
create table daily_totals (
    day            date primary key,
    taken_at       timestamptz not null default now(),
    users          bigint not null,
    files          bigint not null,
    folders        bigint not null,
    trash          bigint not null,
    trash_bytes    bigint not null,
    versions       bigint not null,
    version_bytes  bigint not null,
    logical_bytes  bigint not null,
    reserved_bytes bigint not null,
    contents       bigint not null,
    stored_bytes   bigint not null
);
