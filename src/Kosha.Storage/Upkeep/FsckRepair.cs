using Kosha.Storage.Accounts;
using Kosha.Storage.Blobs;
using Kosha.Storage.Tree;

namespace Kosha.Storage.Upkeep;

/// <summary>What a repair did with what it looked at; blobs need no second look.</summary>
/// <param name="Mended">What was mended.</param>
/// <param name="Unreadable">Blobs of which nothing is proven, because they could not be read now.</param>
internal sealed record RepairResult(Findings Mended, Findings Unreadable);

/// <summary>
/// Mends what can be proven: sums, states of blobs whose objects were just looked at, roots that are missing. It
/// deletes nothing, and leaves whatever needs a decision (a node that hangs nowhere) as it is.
/// </summary>
internal sealed class FsckRepair(Database database, IBlobStore store)
{
    private const int PageSize = 500;

    private readonly BlobTable blobs = new(database);
    private readonly NodeTree tree = new(database);
    private readonly UsageTable usage = new(database);

    /// <summary>
    /// Mends. Faults: AlreadyExists (a sweep runs), Unavailable (also for a store that is not this database's, in which
    /// everything would seem to be missing).
    /// </summary>
    /// <param name="quick">Compares sizes alone, which prove that a blob is damaged and never that it is whole.</param>
    /// <param name="ct">Ends it; what was mended stays so.</param>
    public async Task<RepairResult> RunAsync(bool quick, CancellationToken ct)
    {
        // No sweep meanwhile: it deletes the objects of doomed keys.
        await using var lease = await Lease.TakeAsync(database, Sweep.LeaseName, ct);
        await new InstallationTable(database).RequireOwnAsync(store, ct);
        var result = new RepairResult(new(), new());
        var mended = result.Mended;
        mended.Add(await usage.AddMissingAsync(ct));
        mended.Add(await tree.AddMissingRootsAsync(ct));
        mended.Add(await new NodeTree(database).AddMissingNamesAsync(ct));
        await MendBlobsAsync(quick, lease, result, ct);
        mended.Add(await tree.CorrectSizesAsync(ct));
        await CorrectUsageAsync(mended, ct);
        return result;
    }

    private async Task CorrectUsageAsync(Findings mended, CancellationToken ct)
    {
        var after = 0L;
        while (await usage.UsersAsync(after, PageSize, ct) is { Count: > 0 } page)
        {
            foreach (var userId in page)
                mended.Add(await usage.CorrectAsync(userId, ct));
            after = page[^1];
        }
    }

    private async Task MendBlobsAsync(bool quick, Lease lease, RepairResult result, CancellationToken ct)
    {
        var after = 0L;
        while (await blobs.NamedOrStoredAsync(after, PageSize, ct) is { Count: > 0 } page)
        {
            foreach (var (blob, isDoomed) in page)
            {
                var verdict = await ObjectCheck.LookAsync(store, blob, quick, ct);
                // Whoever was followed meanwhile marks nothing.
                await lease.RenewAsync(ct);
                if (!verdict.IsProven)
                    await ReportAsync(blob, verdict, result.Unreadable, ct);
                else if (verdict.Problem is not null)
                    await MarkAsync(blob, verdict, result.Mended, ct);
                else if (!quick && (isDoomed || blob.State is "damaged" or "storing"))
                    await AcquitAsync(blob, result.Mended, ct);
            }
            after = page[^1].Blob.Id;
        }
    }

    private async Task ReportAsync(BlobRow blob, ObjectVerdict verdict, Findings unreadable, CancellationToken ct)
    {
        if (blob.State != "damaged" && await blobs.IsStillAsync(blob, ct))
            unreadable.Add(Line(blob, verdict.Problem));
    }

    private async Task MarkAsync(BlobRow blob, ObjectVerdict verdict, Findings mended, CancellationToken ct)
    {
        if (await blobs.SetDamagedAsync(blob, ct))
            mended.Add(Line(blob, $"marked as damaged, {verdict.Problem}"));
    }

    private async Task AcquitAsync(BlobRow blob, Findings mended, CancellationToken ct)
    {
        if (await blobs.SetProvenAsync(blob, ct))
            mended.Add(Line(blob, "its bytes are proven whole, and it is live again"));
    }

    private static string Line(BlobRow blob, string? what) => $"blob {blob.Id} ({blob.ObjectKey}): {what}";
}
