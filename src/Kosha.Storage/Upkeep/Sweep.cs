using Kosha.Storage.Blobs;

namespace Kosha.Storage.Upkeep;

/// <summary>What a sweep did.</summary>
/// <param name="Condemned">Blobs that nothing names; they wait for the grace time.</param>
/// <param name="Acquitted">Condemned blobs that got a name again.</param>
/// <param name="Removed">Blobs whose row went.</param>
/// <param name="Deleted">Objects that were deleted.</param>
/// <param name="Forgotten">Keys that may be used again.</param>
/// <param name="Unreconciled">After a restore: nothing was deleted, because no full reconcile went through yet.</param>
public sealed record SweepResult(
    long Condemned, long Acquitted, long Removed, long Deleted, long Forgotten, bool Unreconciled);

/// <summary>
/// Takes away what nothing names. (1) It condemns; (2) at least the grace time later it deletes the blob's row and
/// dooms its key, in one transaction in which the foreign keys are the last word; (3) then it deletes the object; (4)
/// again a grace time later it forgets the key. Safe beside any writer at any grace time; a crash at any point leaves
/// work for the next sweep.
/// </summary>
public sealed class Sweep(Database database, IBlobStore store)
{
    public static readonly TimeSpan DefaultGrace = TimeSpan.FromHours(24);

    internal const string LeaseName = "sweep";

    private const int PageSize = 1000;

    /// <summary>
    /// A delete that hangs in a store or a stopped process must not meet a key in use again, whatever the grace time.
    /// </summary>
    private static readonly TimeSpan LeastKeyGrace = TimeSpan.FromHours(1);

    private readonly BlobTable blobs = new(database);
    private readonly InstallationTable installation = new(database);

    /// <summary>How far it has come.</summary>
    public WorkProgress Progress { get; init; } = new();

    /// <summary>Faults: AlreadyExists (another sweep runs), Unavailable.</summary>
    public async Task<SweepResult> RunAsync(TimeSpan grace, CancellationToken ct)
    {
        await using var lease = await Lease.TakeAsync(database, LeaseName, ct);
        // Not before the lease: whoever joins database and store anew holds it meanwhile.
        var state = await installation.RequireOwnAsync(store, ct);
        var acquitted = await blobs.AcquitNamedAsync(ct);
        if (!state.IsReconciled)
            return new(0, acquitted, 0, 0, 0, Unreconciled: true);
        var removed = await RemoveAsync(lease, grace, ct);
        removed += await DoomUnnamedAsync(lease, grace, ct);
        var condemned = await CondemnAsync(lease, grace, ct);
        var deleted = await DeleteAsync(lease, state, ct);
        var forgotten = await ForgetAsync(lease, grace > LeastKeyGrace ? grace : LeastKeyGrace, ct);
        return new(condemned, acquitted, removed, deleted, forgotten, Unreconciled: false);
    }

    private async Task<long> DoomUnnamedAsync(Lease lease, TimeSpan grace, CancellationToken ct)
    {
        var total = 0L;
        string? after = "";
        while (after is { } last)
        {
            await lease.RenewAsync(ct);
            (after, var doomed) = await blobs.DoomUnnamedKeysAsync(last, PageSize, grace, ct);
            total += doomed;
            Progress.Say("dooming keys", total);
        }
        return total;
    }

    private async Task<long> CondemnAsync(Lease lease, TimeSpan grace, CancellationToken ct)
    {
        var total = 0L;
        long? after = 0;
        while (after is { } last)
        {
            await lease.RenewAsync(ct);
            (after, var condemned) = await blobs.CondemnAsync(last, PageSize, grace, ct);
            total += condemned;
            Progress.Say("condemning contents", total);
        }
        Steps.Reached(Steps.SweepCondemned);
        return total;
    }

    private async Task<long> RemoveAsync(Lease lease, TimeSpan grace, CancellationToken ct)
    {
        var total = 0L;
        var after = 0L;
        while (await blobs.GarbageAsync(after, PageSize, grace, ct) is { Count: > 0 } page)
        {
            foreach (var id in page)
            {
                await lease.RenewAsync(ct);
                if (await blobs.RemoveAsync(id, grace, ct) is { } key)
                {
                    Progress.Say("removing rows", ++total);
                    Steps.Reached(Steps.SweepRowRemoved, key);
                }
            }
            after = page[^1];
        }
        return total;
    }

    private async Task<long> DeleteAsync(Lease lease, InstallationState state, CancellationToken ct)
    {
        var total = 0L;
        var after = "";
        while (await blobs.DoomedKeysAsync(store, state, after, PageSize, ct) is { Count: > 0 } page
            && await installation.RaiseDeletionsAsync(state, store, ct))
        {
            foreach (var key in page)
            {
                await lease.RenewAsync(ct);
                await store.DeleteAsync(key, ct);
                Steps.Reached(Steps.SweepObjectDeleted, key);
                await blobs.SetDeletedAsync(key, ct);
                Progress.Say("deleting objects", ++total);
            }
            after = page[^1];
        }
        return total;
    }

    private async Task<long> ForgetAsync(Lease lease, TimeSpan grace, CancellationToken ct)
    {
        var total = 0L;
        var after = "";
        while (await blobs.DeletedKeysAsync(store, grace, after, PageSize, ct) is { Count: > 0 } page)
        {
            foreach (var key in page)
            {
                await lease.RenewAsync(ct);
                // A writer who had claimed the key before it was doomed may have put it since.
                if (await store.FindSizeAsync(key, ct) is not null)
                {
                    await blobs.SetUndeletedAsync(key, ct);
                    continue;
                }
                await blobs.ForgetKeyAsync(key, ct);
                total++;
            }
            after = page[^1];
        }
        return total;
    }
}
