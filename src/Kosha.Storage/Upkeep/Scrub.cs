using Kosha.Storage.Blobs;

namespace Kosha.Storage.Upkeep;

/// <summary>What a scrub found.</summary>
/// <param name="Blobs">Read and hashed.</param>
/// <param name="Bytes">Read and hashed.</param>
/// <param name="Damaged">Newly found missing or wrong, and marked, as "key: what is wrong".</param>
/// <param name="Recovered">Were damaged, and are whole again.</param>
/// <param name="Unreadable">Could not be read now, which proves nothing: nothing was marked.</param>
public sealed record ScrubResult(
    long Blobs, long Bytes, Findings Damaged, long Recovered, Findings Unreadable);

/// <summary>
/// Reads blobs and hashes them anew, a share at a time, going round: each run goes on where the last one stopped. What
/// is proven wrong becomes <c>damaged</c>: it is never served, and the next upload of the same content heals it.
/// </summary>
public sealed class Scrub(Database database, IBlobStore store)
{
    private const string LeaseName = "scrub";
    private const int PageSize = 200;

    private readonly BlobTable blobs = new(database);
    private readonly InstallationTable installation = new(database);

    /// <summary>How far it has come.</summary>
    public WorkProgress Progress { get; init; } = new();

    /// <param name="share">Of all blobs, above 0 and at most 1.</param>
    /// <param name="ct">Ends the scrub; the next one goes on from there.</param>
    /// <exception cref="StorageException">AlreadyExists (another scrub runs), Unavailable.</exception>
    public async Task<ScrubResult> RunAsync(double share, CancellationToken ct)
    {
        await using var lease = await Lease.TakeAsync(database, LeaseName, ct);
        await installation.RequireOwnAsync(store, ct);
        var all = (long)Math.Ceiling(await blobs.CountAsync(ct) * Math.Clamp(share, 0, 1));
        var (left, tally) = (all, new Tally());
        var after = await installation.ScrubbedToAsync(ct);
        while (left > 0)
        {
            await lease.RenewAsync(ct);
            var page = await blobs.StoredAsync(after, (int)Math.Min(left, PageSize), ct);
            foreach (var blob in page)
            {
                await lease.RenewAsync(ct);
                await CheckAsync(blob, tally, ct);
                Progress.Say("reading contents", tally.Blobs, all);
            }
            if (page.Count == 0 && after == 0)
                break;
            // After the last one it goes on with the first.
            after = page.Count == 0 ? 0 : page[^1].Id;
            await installation.SetScrubbedToAsync(after, ct);
            left -= page.Count;
        }
        return new(tally.Blobs, tally.Bytes, tally.Damaged, tally.Recovered, tally.Unreadable);
    }

    private sealed class Tally
    {
        public long Blobs { get; set; }

        public long Bytes { get; set; }

        public Findings Damaged { get; } = new();

        public long Recovered { get; set; }

        public Findings Unreadable { get; } = new();
    }

    private async Task CheckAsync(BlobRow blob, Tally tally, CancellationToken ct)
    {
        tally.Blobs++;
        tally.Bytes += blob.Size;
        var (problem, isProven) = await ObjectCheck.LookAsync(store, blob, quick: false, ct);
        if (!isProven)
            tally.Unreadable.Add($"{blob.ObjectKey}: {problem}");
        else if (problem is not null && await blobs.SetDamagedAsync(blob, ct))
            tally.Damaged.Add($"{blob.ObjectKey}: {problem}");
        else if (problem is null && blob.State == "damaged" && await blobs.SetWholeAsync(blob, ct))
            tally.Recovered++;
    }
}
