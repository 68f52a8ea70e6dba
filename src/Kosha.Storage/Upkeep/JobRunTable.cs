using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Dapper;
using Kosha.Storage.Audit;

namespace Kosha.Storage.Upkeep;

/// <summary>One run of a job. Times are UTC.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
public sealed record JobRun
{
    public long Id { get; init; }

    /// <summary>Its name.</summary>
    public string Job { get; init; } = "";

    /// <summary>The machine and process that ran it.</summary>
    public string Node { get; init; } = "";

    /// <summary>The moment of the schedule at which it was due; null: somebody started it by hand.</summary>
    public DateTime? FiredAt { get; init; }

    public DateTime StartedAt { get; init; }

    /// <summary>Null: it still runs. Of one whose process died: when it was last heard of.</summary>
    public DateTime? EndedAt { get; init; }

    /// <summary>How long it took, or takes so far.</summary>
    public double Seconds { get; init; }

    /// <summary>
    /// running, done, problems (a person should look at what it found), failed, skipped (another process did this work)
    /// or interrupted (its process was stopped or died).
    /// </summary>
    public string Outcome { get; init; } = "";

    /// <summary>What it did, or why it failed.</summary>
    public string? Message { get; init; }

    /// <summary>What it does, or did last; null: it said nothing.</summary>
    public string? Step { get; init; }

    public long? Done { get; init; }

    public long? Total { get; init; }

    /// <summary>What came of it, as JSON: numbers by their names.</summary>
    public string? Counts { get; init; }
}

/// <summary>What came of a run.</summary>
/// <param name="Outcome">As in <see cref="JobRun"/>, but not running.</param>
/// <param name="Message">What it did, or why it failed; a long one is cut.</param>
/// <param name="Counts">The same in numbers.</param>
public sealed record JobEnd(string Outcome, string Message, IReadOnlyDictionary<string, long> Counts);

/// <summary>
/// What the jobs did and do, for the administrator. A job runs once at a time, and once for each firing of its
/// schedule. The last two hundred runs of each stay.
/// </summary>
public sealed class JobRunTable(Database database)
{
    private const int RunsKept = 200;
    private const int MaxMessageLength = 2000;

    /// <summary>
    /// Who was not heard of for so long is dead. A little longer than its lease lives, so that whoever follows finds
    /// the work free.
    /// </summary>
    private static readonly TimeSpan Patience = Lease.Duration + TimeSpan.FromSeconds(30);

    private const string Died = "outcome = 'running' and beat_at <= now() - @Patience";

    private const string SqlStart = $"""
        delete from job_runs where job = @job and id <= (
            select id from job_runs where job = @job order by id desc offset @RunsKept - 1 limit 1);
        update job_runs set outcome = 'interrupted', ended_at = beat_at, message = 'Its process died.'
        where job = @job and {Died};
        insert into job_runs (job, node, fired_at)
        select @job, @node, @firedAt::timestamptz
        where @firedAt::timestamptz is null or not exists (select from job_pauses where job = @job)
        on conflict do nothing
        returning id
        """;

    /// <summary>A run begins.</summary>
    /// <param name="job">Its name.</param>
    /// <param name="node">Who runs it.</param>
    /// <param name="firedAt">See <see cref="JobRun.FiredAt"/>.</param>
    /// <param name="told">For the audit log, if it starts; null: nobody did it.</param>
    /// <param name="ct">Ends it.</param>
    /// <returns>
    /// Its id; null: it is not to run, because it runs already or, by its schedule, because it is paused or ran for
    /// this firing.
    /// </returns>
    public Task<long?> StartAsync(
        string job, string node, DateTime? firedAt, AuditEntry? told, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            var id = await transaction.Connection!.ExecuteScalarAsync<long?>(new(
                SqlStart, new { job, node, firedAt, RunsKept, Patience }, transaction, cancellationToken: ct));
            if (id is not null && told is not null)
                await AuditTable.AddAsync(transaction, told, ct);
            return id;
        }, ct);

    private const string SqlBeat = """
        update job_runs set beat_at = now(), step = @Step, done = @Done, total = @Total
        where id = @id and outcome = 'running'
        """;

    /// <summary>The run lives, and has come so far.</summary>
    public Task BeatAsync(long id, WorkStep? step, CancellationToken ct) =>
        database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync(new(
            SqlBeat, new { id, step?.Step, step?.Done, step?.Total }, transaction, cancellationToken: ct)), ct);

    private const string SqlEnd = """
        update job_runs set ended_at = now(), outcome = @Outcome, message = @message, counts = @counts::jsonb
        where id = @id and outcome = 'running'
        """;

    /// <summary>A run that was taken for dead meanwhile stays so.</summary>
    /// <param name="id">From <see cref="StartAsync"/>.</param>
    /// <param name="end">What came of it.</param>
    public Task EndAsync(long id, JobEnd end) =>
        database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync(new(
            SqlEnd,
            new { id, end.Outcome, message = Cut(end.Message), counts = JsonSerializer.Serialize(end.Counts) },
            transaction)), CancellationToken.None);

    private static string Cut(string message) =>
        message.Length <= MaxMessageLength ? message : message[..MaxMessageLength] + "…";

    private const string SqlDied = $"""
        select r.job from job_runs r
        where {Died} and not exists (
            select from (
                select o.outcome, o.ended_at, o.beat_at from job_runs o
                where o.job = r.job and o.id < r.id order by o.id desc limit 1) p
            where p.outcome = 'interrupted' and p.ended_at = p.beat_at)
        order by r.job
        """;

    /// <summary>
    /// Jobs whose run died, and that nobody has run since. Not those whose run before that died, too: what ends its
    /// process is not to end one daemon after the other, and comes with the next firing.
    /// </summary>
    public Task<List<string>> DiedAsync(CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<string>(
            new(SqlDied, new { Patience }, cancellationToken: ct))).AsList(), ct);

    private const string Columns = $"""
        id, job, node, fired_at, started_at, message, step, done, total, counts::text as counts,
        case when {Died} then 'interrupted' else outcome end as outcome,
        case when {Died} then beat_at else ended_at end as ended_at,
        extract(epoch from case when {Died} then beat_at else coalesce(ended_at, now()) end - started_at)::float8
            as seconds
        """;

    private const string SqlHistory = $"""
        select {Columns} from job_runs where (@job::text is null or job = @job) and id < @before
        order by id desc limit @limit
        """;

    /// <summary>The newest runs first.</summary>
    /// <param name="job">Its name; null: of every job.</param>
    /// <param name="before">Only those that began before this one; null: all.</param>
    /// <param name="limit">How many.</param>
    /// <param name="ct">Ends it.</param>
    public Task<List<JobRun>> HistoryAsync(string? job, long? before, int limit, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<JobRun>(new(
            SqlHistory, new { job, before = before ?? long.MaxValue, limit, Patience }, cancellationToken: ct)))
            .AsList(), ct);

    private const string SqlLast = $"""
        select r.* from unnest(@jobs) j (name)
        cross join lateral (
            select {Columns} from job_runs where job = j.name order by id desc limit 1) r
        """;

    /// <summary>The newest run of each; none for a job that never ran.</summary>
    public Task<List<JobRun>> LastAsync(IEnumerable<string> jobs, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<JobRun>(
            new(SqlLast, new { jobs = jobs.ToArray(), Patience }, cancellationToken: ct))).AsList(), ct);
}
