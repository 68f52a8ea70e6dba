using Dapper;

namespace Kosha.Storage.Upkeep;

/// <summary>A job that does not run by its schedule.</summary>
/// <param name="Job">Its name.</param>
/// <param name="PausedAt">UTC.</param>
/// <param name="PausedBy">In words.</param>
public sealed record JobPause(string Job, DateTime PausedAt, string PausedBy);

/// <summary>
/// Which jobs are paused, for all daemons and whatever becomes of their schedules: a row here, and not in the tables of
/// Quartz, which begins anew with each change of a schedule.
/// </summary>
public sealed class JobPauseTable(Database database)
{
    private const string SqlPause =
        "insert into job_pauses (job, paused_by) values (@job, @by) on conflict (job) do nothing";

    /// <summary>Until it is resumed the job runs by hand alone. One that is paused already stays so.</summary>
    public Task PauseAsync(string job, string by, CancellationToken ct) => ChangeAsync(SqlPause, new { job, by }, ct);

    private const string SqlResume = "delete from job_pauses where job = @job";

    /// <summary>What it missed meanwhile is not made up for. One that is not paused is no error.</summary>
    public Task ResumeAsync(string job, CancellationToken ct) => ChangeAsync(SqlResume, new { job }, ct);

    private Task ChangeAsync(string sql, object parameters, CancellationToken ct) =>
        database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync(
            new(sql, parameters, transaction, cancellationToken: ct)), ct);

    private const string SqlList = "select job, paused_at, paused_by from job_pauses order by job";

    public Task<List<JobPause>> ListAsync(CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<JobPause>(
            new(SqlList, cancellationToken: ct))).AsList(), ct);
}
