using System.Globalization;
using Dapper;

namespace Kosha.Storage.Upkeep;

/// <summary>What an installation held on a day, as it was when it was last counted on that day.</summary>
/// <param name="Day">UTC.</param>
/// <param name="Totals">All users together.</param>
public sealed record DayTotals(DateTime Day, Statistics Totals);

/// <summary>The table <c>daily_totals</c>: <see cref="Statistics"/> of each day, for charts.</summary>
public sealed class DailyTotals(Database database)
{
    /// <summary>Kept: five years.</summary>
    public const int MaxDays = 5 * 366;

    private const string LeaseName = "totals";

    private const string SqlForget =
        "delete from daily_totals where day < (now() at time zone 'UTC')::date - @MaxDays::int";

    private const string SqlSet = """
        insert into daily_totals (
            day, users, files, folders, trash, trash_bytes, versions, version_bytes, logical_bytes, reserved_bytes,
            contents, stored_bytes)
        values (
            (now() at time zone 'UTC')::date, @Users, @Files, @Folders, @Trash, @TrashBytes, @Versions, @VersionBytes,
            @LogicalBytes, @ReservedBytes, @Contents, @StoredBytes)
        on conflict (day) do update set
            taken_at = now(), users = excluded.users, files = excluded.files, folders = excluded.folders,
            trash = excluded.trash, trash_bytes = excluded.trash_bytes, versions = excluded.versions,
            version_bytes = excluded.version_bytes, logical_bytes = excluded.logical_bytes,
            reserved_bytes = excluded.reserved_bytes, contents = excluded.contents,
            stored_bytes = excluded.stored_bytes
        """;

    /// <summary>
    /// Counts for today, once more if that was done before. Faults: AlreadyExists (another one counts), Unavailable.
    /// </summary>
    public async Task<Statistics> TakeAsync(CancellationToken ct)
    {
        await using var lease = await Lease.TakeAsync(database, LeaseName, ct);
        var found = await Statistics.ReadAsync(database, ct);
        await lease.RenewAsync(ct);
        await database.WriteAsync(async transaction =>
        {
            var connection = transaction.Connection!;
            await connection.ExecuteAsync(new(SqlForget, new { MaxDays }, transaction, cancellationToken: ct));
            return await connection.ExecuteAsync(new(SqlSet, found, transaction, cancellationToken: ct));
        }, ct);
        return found;
    }

    private const string SqlList = """
        select day::timestamp as day, users, files, folders, trash, trash_bytes, versions, version_bytes, logical_bytes,
               reserved_bytes, contents, stored_bytes
        from daily_totals where day between @from::date and @to::date order by day
        """;

    /// <summary>Days that were counted, both ends included, the oldest first.</summary>
    public Task<List<DayTotals>> ListAsync(DateOnly from, DateOnly to, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<DateTime, Statistics, DayTotals>(
            new CommandDefinition(SqlList, new { from = Text(from), to = Text(to) }, cancellationToken: ct),
            (day, totals) => new(day, totals), splitOn: "users")).AsList(), ct);

    private static string Text(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}
