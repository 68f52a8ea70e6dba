using Kosha.Storage.Accounts;
using Kosha.Storage.Blobs;
using Kosha.Storage.Tree;

namespace Kosha.Storage.Upkeep;

/// <summary>
/// Mends what can be proven: sums, states of blobs whose bytes were just read and hashed, roots that are missing. It
/// deletes nothing, and leaves whatever needs a decision (a node that hangs nowhere) as it is.
/// </summary>
internal sealed class FsckRepair(Database database, IBlobStore store)
{
    private const int PageSize = 500;

    private readonly BlobTable blobs = new(database);
    private readonly NodeTree tree = new(database);
    private readonly UsageTable usage = new(database);

    /// <summary>
    /// What was mended. Faults: AlreadyExists (a sweep runs), Unavailable (also for a store that is not this
    /// database's, in which everything would seem to be missing).
    /// </summary>
    public async Task<Findings> RunAsync(CancellationToken ct)
    {
        // No sweep meanwhile: it deletes the objects of doomed keys.
        await using var lease = await Lease.TakeAsync(database, Sweep.LeaseName, ct);
        await new InstallationTable(database).RequireOwnAsync(store, ct);
        var mended = new Findings();
        mended.Add(await usage.AddMissingAsync(ct));
        mended.Add(await tree.AddMissingRootsAsync(ct));
        await MendBlobsAsync(lease, mended, ct);
        mended.Add(await tree.CorrectSizesAsync(ct));
        foreach (var userId in await usage.UsersAsync(ct))
            mended.Add(await usage.CorrectAsync(userId, ct));
        return mended;
    }

    private async Task MendBlobsAsync(Lease lease, Findings mended, CancellationToken ct)
    {
        var after = 0L;
        while (await blobs.NamedOrStoredAsync(after, PageSize, ct) is { Count: > 0 } page)
        {
            foreach (var blob in page)
            {
                if (await MendBlobAsync(blob, lease, ct) is { } line)
                    mended.Add($"blob {blob.Id} ({blob.ObjectKey}): {line}");
            }
            after = page[^1].Id;
        }
    }

    private async Task<string?> MendBlobAsync(BlobRow blob, Lease lease, CancellationToken ct)
    {
        var (problem, isProven) = await ObjectCheck.LookAsync(store, blob, quick: false, ct);
        // To read a large one may have taken longer than the lease.
        await lease.RenewAsync(ct);
        if (!isProven)
            return null;
        if (problem is not null)
            return await blobs.SetDamagedAsync(blob, ct) ? $"marked as damaged, {problem}" : null;
        return await blobs.SetProvenAsync(blob, ct) ? "its bytes are proven whole, and it is live again" : null;
    }
}
