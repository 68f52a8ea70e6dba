using System.Runtime.CompilerServices;
using Kosha.Storage.Blobs;
using Kosha.Storage.Uploads;

namespace Kosha.Storage.Upkeep;

/// <summary>What a reconcile found and did.</summary>
public sealed record ReconcileResult
{
    /// <summary>Objects in the store.</summary>
    public long Listed { get; init; }

    /// <summary>Blobs whose object is missing or of another size, as "key: what is wrong".</summary>
    public Findings Missing { get; init; } = new();

    /// <summary>Objects without a row under keys of Kosha's form.</summary>
    public long Foreign { get; init; }

    /// <summary>Objects under keys that Kosha never writes; they are never touched.</summary>
    public Findings Strange { get; init; } = new();

    /// <summary>Foreign objects that were deleted.</summary>
    public long Deleted { get; init; }

    /// <summary>Objects of uploads that are over, which came too late to be removed with them, and were now.</summary>
    public long Late { get; init; }

    /// <summary>
    /// Why it stopped before it changed anything; null if it went through.
    /// </summary>
    public string? Stopped { get; init; }

    /// <summary>The first full reconcile of an epoch: foreign objects were counted and left.</summary>
    public bool IsFirstOfEpoch { get; init; }
}

/// <summary>
/// Compares rows and objects, both ways. A row whose object is missing or of another size becomes <c>damaged</c>; an
/// object without a row is first taken as a doomed key, which keeps every writer away from it, and then deleted.
/// Above one in a hundred of either it changes nothing and asks. What uploads left under staging keys goes, too.
/// </summary>
public sealed class Reconcile(Database database, IBlobStore store)
{
    internal const string LeaseName = "reconcile";

    private const int PageSize = 1000;

    private readonly BlobTable blobs = new(database);
    private readonly StoreListing listing = new(database);
    private readonly InstallationTable installation = new(database);

    /// <summary>How far it has come.</summary>
    public WorkProgress Progress { get; init; } = new();

    /// <param name="grace">Objects without a row that are younger are left alone.</param>
    /// <param name="evenIfMany">Go on above one in a hundred.</param>
    /// <param name="ct">Ends it.</param>
    /// <exception cref="StorageException">AlreadyExists (another reconcile runs), Unavailable.</exception>
    public async Task<ReconcileResult> RunAsync(TimeSpan grace, bool evenIfMany, CancellationToken ct)
    {
        await using var lease = await Lease.TakeAsync(database, LeaseName, ct);
        var state = await installation.RequireOwnAsync(store, ct);
        var result = await CompareAsync(state, lease, grace, evenIfMany, ct);
        await listing.ClearAsync(ct);
        return result;
    }

    private async Task<ReconcileResult> CompareAsync(
        InstallationState state, Lease lease, TimeSpan grace, bool evenIfMany, CancellationToken ct)
    {
        Progress.Say("listing the store", 0);
        var start = await listing.FillAsync(store, () => lease.RenewAsync(ct), ct);
        var found = await CountAsync(start, lease, grace, ct) with { IsFirstOfEpoch = !state.IsReconciled };
        if (!evenIfMany && await TooManyAsync(found, ct) is { } reason)
            return found with { Stopped = reason };
        await foreach (var (blob, _) in MissingAsync(start, lease, ct))
            await blobs.SetDamagedAsync(blob, ct);
        var deleted = state.IsReconciled && found.Foreign > 0 ? await DeleteAsync(state, lease, grace, ct) : 0;
        var late = state.IsReconciled
            ? await new LateBytes(database, store).RemoveAsync(
                grace, onlyRemembered: false, () => lease.RenewAsync(ct), ct) : 0;
        await installation.SetReconciledAsync(state.Epoch, ct);
        return found with { Deleted = deleted, Late = late };
    }

    private async Task<ReconcileResult> CountAsync(DateTime start, Lease lease, TimeSpan grace, CancellationToken ct)
    {
        var (missing, strange, foreign) = (new Findings(), new Findings(), 0L);
        await foreach (var (blob, problem) in MissingAsync(start, lease, ct))
            missing.Add($"{blob.ObjectKey}: {problem}");
        await foreach (var key in ForeignAsync(lease, grace, ct))
        {
            if (store.IsBlobKey(key))
                foreign++;
            else
                strange.Add(key);
        }
        return new()
        {
            Listed = await listing.CountAsync(ct), Missing = missing, Foreign = foreign, Strange = strange,
        };
    }

    private async Task<string?> TooManyAsync(ReconcileResult found, CancellationToken ct)
    {
        var rows = await blobs.CountAsync(ct);
        if (found.Missing.Count * 100 > rows)
            return $"{found.Missing.Count} of {rows} blobs have no object in the store, or one of another size";
        if (found.Foreign * 100 > found.Listed)
            return $"{found.Foreign} of {found.Listed} objects in the store have no row";
        return null;
    }

    private async Task<long> DeleteAsync(InstallationState state, Lease lease, TimeSpan grace, CancellationToken ct)
    {
        var deleted = 0L;
        if (!await installation.RaiseDeletionsAsync(state, store, ct))
            return deleted;
        await foreach (var key in ForeignAsync(lease, grace, ct))
        {
            if (!store.IsBlobKey(key) || !await listing.DoomForeignAsync(store, state, key, ct))
                continue;
            Steps.Reached(Steps.ReconcileDoomed, key);
            await store.DeleteAsync(key, ct);
            await blobs.SetDeletedAsync(key, ct);
            Progress.Say("deleting objects", ++deleted);
        }
        return deleted;
    }

    private async IAsyncEnumerable<(BlobRow Blob, string Problem)> MissingAsync(
        DateTime start, Lease lease, [EnumeratorCancellation] CancellationToken ct)
    {
        var after = 0L;
        while (await listing.WithoutObjectAsync(store, start, after, PageSize, ct) is { Count: > 0 } page)
        {
            foreach (var blob in page)
            {
                await lease.RenewAsync(ct);
                // A listing may be out of date; the object itself is asked.
                var size = await ObjectCheck.FindSizeAsync(store, blob.ObjectKey, ct);
                if (size != blob.Size)
                    yield return (blob, size is null ? "missing" : $"{size} bytes instead of {blob.Size}");
            }
            after = page[^1].Id;
        }
    }

    private async IAsyncEnumerable<string> ForeignAsync(
        Lease lease, TimeSpan grace, [EnumeratorCancellation] CancellationToken ct)
    {
        var after = "";
        while (await listing.ForeignAsync(grace, after, PageSize, ct) is { Count: > 0 } page)
        {
            foreach (var key in page)
            {
                await lease.RenewAsync(ct);
                yield return key;
            }
            after = page[^1];
        }
    }
}
