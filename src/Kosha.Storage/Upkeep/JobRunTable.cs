using Dapper;

namespace Kosha.Storage.Upkeep;

/// <summary>One run of a job.</summary>
/// <param name="Job">Its name.</param>
/// <param name="Node">The machine and process that ran it.</param>
/// <param name="StartedAt">UTC.</param>
/// <param name="EndedAt">UTC; null: it still runs, or its process died.</param>
/// <param name="Outcome">
/// running, done, problems (a person should look at what it found), failed, skipped (another process did this work) or
/// interrupted.
/// </param>
/// <param name="Message">What it did, or why it failed.</param>
public sealed record JobRun(
    string Job, string Node, DateTime StartedAt, DateTime? EndedAt, string Outcome, string? Message);

/// <summary>What the jobs did, for the administrator. The last two hundred runs of each stay.</summary>
public sealed class JobRunTable(Database database)
{
    private const int RunsKept = 200;
    private const int MaxMessageLength = 2000;

    private const string SqlStart = """
        delete from job_runs where job = @job and id <= (
            select id from job_runs where job = @job order by id desc offset @RunsKept - 1 limit 1);
        insert into job_runs (job, node) values (@job, @node) returning id
        """;

    /// <summary>A run begins. Returns its id.</summary>
    public Task<long> StartAsync(string job, string node, CancellationToken ct) =>
        database.WriteAsync(transaction => transaction.Connection!.ExecuteScalarAsync<long>(new(
            SqlStart, new { job, node, RunsKept }, transaction, cancellationToken: ct)), ct);

    /// <summary>
    /// A run that did its work held the work's lease; an older one that never ended cannot be running any more.
    /// </summary>
    private const string SqlEnd = """
        update job_runs set ended_at = now(), outcome = @outcome, message = @message where id = @id;
        update job_runs set outcome = 'interrupted'
        where @outcome in ('done', 'problems') and job = @job and id < @id and outcome = 'running'
        """;

    /// <param name="id">From <see cref="StartAsync"/>.</param>
    /// <param name="job">Its name.</param>
    /// <param name="outcome">As in <see cref="JobRun"/>, but not running.</param>
    /// <param name="message">What it did, or why it failed; a long one is cut.</param>
    public Task EndAsync(long id, string job, string outcome, string message) =>
        database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync(new(
            SqlEnd, new { id, job, outcome, message = Cut(message) }, transaction)), CancellationToken.None);

    private static string Cut(string message) =>
        message.Length <= MaxMessageLength ? message : message[..MaxMessageLength] + "…";

    private const string SqlHistory = """
        select job, node, started_at, ended_at, outcome, message from job_runs
        where @job::text is null or job = @job order by id desc limit @limit
        """;

    /// <summary>The last runs, the newest first; null: of every job.</summary>
    public Task<List<JobRun>> HistoryAsync(string? job, int limit, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<JobRun>(
            new(SqlHistory, new { job, limit }, cancellationToken: ct))).AsList(), ct);

    private const string SqlLast = """
        select r.job, r.node, r.started_at, r.ended_at, r.outcome, r.message from unnest(@jobs) j (name)
        cross join lateral (select * from job_runs where job = j.name order by id desc limit 1) r
        """;

    /// <summary>The last run of each; none for a job that never ran.</summary>
    public Task<List<JobRun>> LastAsync(IEnumerable<string> jobs, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<JobRun>(
            new(SqlLast, new { jobs = jobs.ToArray() }, cancellationToken: ct))).AsList(), ct);
}
