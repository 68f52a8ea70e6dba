using Kosha.Storage.Upkeep;

namespace Kosha.Storage.Audit;

/// <summary>Removes what the log has kept long enough, in short transactions. A crash leaves some for the next run.
/// </summary>
public sealed class AuditRetention(Database database)
{
    private const string LeaseName = "audit-retention";

    /// <summary>Entries in one transaction.</summary>
    public const int EntriesPerStep = 1000;

    private readonly AuditTable table = new(database);

    /// <summary>How far it has come.</summary>
    public WorkProgress Progress { get; init; } = new();

    /// <summary>Faults: AlreadyExists (another one runs), Unavailable.</summary>
    /// <param name="days">Older entries go.</param>
    /// <param name="most">Beyond so many the oldest go, too.</param>
    /// <param name="ct">Ends it.</param>
    /// <returns>How many entries went.</returns>
    public async Task<long> RunAsync(int days, long most, CancellationToken ct)
    {
        await using var lease = await Lease.TakeAsync(database, LeaseName, ct);
        var removed = await RemoveAsync(lease, () => table.RemoveOldAsync(days, EntriesPerStep, ct), ct);
        if (await table.FindBeyondAsync(most, ct) is { } last)
            removed += await RemoveAsync(lease, () => table.RemoveUpToAsync(last, EntriesPerStep, ct), ct);
        return removed;
    }

    private async Task<long> RemoveAsync(Lease lease, Func<Task<int>> removeAsync, CancellationToken ct)
    {
        var (removed, step) = (0L, 0);
        do
        {
            await lease.RenewAsync(ct);
            removed += step = await removeAsync();
            Progress.Say("removing old entries", removed);
        }
        while (step == EntriesPerStep);
        return removed;
    }
}
