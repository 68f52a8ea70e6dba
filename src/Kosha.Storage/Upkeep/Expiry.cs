using Dapper;

namespace Kosha.Storage.Upkeep;

/// <summary>What an expiry removed.</summary>
/// <param name="Removed">Rows, by what they are.</param>
public sealed record ExpiryResult(IReadOnlyDictionary<string, long> Removed);

/// <summary>
/// Removes rows whose time is over: none of them counts any more, and whoever asks for one compares the time itself. A
/// crash leaves some for the next run.
/// </summary>
public sealed class Expiry(Database database)
{
    private const string LeaseName = "expiry";

    /// <summary>Rows in one transaction.</summary>
    private const int RowsPerStep = 1000;

    /// <summary>A table, its key and when a row of it is over. Each has an index that begins with that time.</summary>
    private static readonly (string Table, string Key, string Time, string IsOver)[] Kinds =
    [
        ("sessions", "id", "expires_at", "expires_at <= now()"),
        ("locks", "id", "expires_at", "expires_at <= now()"),
        ("invites", "id", "expires_at", "expires_at <= now()"),
        // A day: longer than any window of failures lasts.
        ("sign_in_failures", "subject", "window_start", "window_start <= now() - interval '1 day'"),
    ];

    /// <summary>Whoever has a row in hand just now keeps it, and the condition is asked again for what was waited for.
    /// </summary>
    private static string SqlRemove(string table, string key, string time, string isOver) => $"""
        delete from {table} where {isOver} and {key} = any(array(
            select {key} from {table} where {isOver} order by {time} limit @RowsPerStep for update skip locked))
        """;

    /// <summary>How far it has come.</summary>
    public WorkProgress Progress { get; init; } = new();

    /// <summary>Faults: AlreadyExists (another one runs), Unavailable.</summary>
    public async Task<ExpiryResult> RunAsync(CancellationToken ct)
    {
        await using var lease = await Lease.TakeAsync(database, LeaseName, ct);
        var removed = new Dictionary<string, long>();
        foreach (var (table, key, time, isOver) in Kinds)
        {
            var (total, step) = (0L, 0);
            do
            {
                await lease.RenewAsync(ct);
                step = await RemoveAsync(SqlRemove(table, key, time, isOver), ct);
                total += step;
                Progress.Say($"removing from {table}", total);
            }
            while (step == RowsPerStep);
            removed[table] = total;
        }
        return new(removed);
    }

    private Task<int> RemoveAsync(string sql, CancellationToken ct) =>
        database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync(
            new(sql, new { RowsPerStep }, transaction, cancellationToken: ct)), ct);
}
