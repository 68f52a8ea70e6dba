using Dapper;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;

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
    private const string SqlPause = """
        insert into job_pauses (job, paused_by)
        values (@job, coalesce((select u.username from users u where u.id = @userId), 'a command'))
        on conflict (job) do nothing
        """;

    /// <summary>Until it is resumed the job runs by hand alone. One that is paused already stays so.</summary>
    /// <param name="job">Its name.</param>
    /// <param name="caller">Who does it; null: a command.</param>
    /// <param name="ct">Ends it.</param>
    public Task PauseAsync(string job, Caller? caller, CancellationToken ct) =>
        ChangeAsync(SqlPause, AuditActions.JobPause, job, caller, ct);

    private const string SqlResume = "delete from job_pauses where job = @job";

    /// <summary>What it missed meanwhile is not made up for. One that is not paused is no error.</summary>
    /// <inheritdoc cref="PauseAsync"/>
    public Task ResumeAsync(string job, Caller? caller, CancellationToken ct) =>
        ChangeAsync(SqlResume, AuditActions.JobResume, job, caller, ct);

    private Task ChangeAsync(string sql, string action, string job, Caller? caller, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            var changed = await transaction.Connection!.ExecuteAsync(
                new(sql, new { job, userId = caller?.UserId }, transaction, cancellationToken: ct));
            if (changed > 0)
                await AuditTable.AddAsync(
                    transaction, new(action, caller) { Subject = job, IsCommand = caller is null }, ct);
            return changed;
        }, ct);

    private const string SqlList = "select job, paused_at, paused_by from job_pauses order by job";

    public Task<List<JobPause>> ListAsync(CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<JobPause>(
            new(SqlList, cancellationToken: ct))).AsList(), ct);
}
