using Dapper;

namespace Kosha.Storage.Upkeep;

/// <summary>A job's schedule as the scheduler keeps it.</summary>
/// <param name="Job">Its name.</param>
/// <param name="Cron">Quartz's form, UTC.</param>
/// <param name="NextFireTime">As Quartz writes it; null: never.</param>
public sealed record StoredSchedule(string Job, string Cron, long? NextFireTime)
{
    /// <summary>When it runs next, UTC; null: never. Quartz counts in ticks from the year 1.</summary>
    public DateTime? NextAt => NextFireTime is > 0 and var ticks ? new DateTime(ticks, DateTimeKind.Utc) : null;
}

/// <summary>
/// What the daemons run by schedule, read from the tables of Quartz, which makes and writes them: the settings of
/// whoever asks need not be the daemons'.
/// </summary>
public sealed class ScheduleTable(Database database)
{
    private const string SqlIsThere = "select to_regclass('qrtz_cron_triggers') is not null";

    private const string SqlAll = """
        select t.trigger_name as job, c.cron_expression as cron, t.next_fire_time from qrtz_triggers t
        join qrtz_cron_triggers c using (sched_name, trigger_name, trigger_group)
        """;

    /// <summary>Every schedule; a job that is off has none. Null: no daemon has ever run.</summary>
    public Task<List<StoredSchedule>?> FindAllAsync(CancellationToken ct) =>
        database.ReadAsync<List<StoredSchedule>?>(async connection =>
            await connection.ExecuteScalarAsync<bool>(new(SqlIsThere, cancellationToken: ct))
                ? (await connection.QueryAsync<StoredSchedule>(new(SqlAll, cancellationToken: ct))).AsList()
                : null, ct);
}
