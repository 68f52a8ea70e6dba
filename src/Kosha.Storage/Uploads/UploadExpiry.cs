using System.Data.Common;
using Kosha.Storage.Blobs;
using Kosha.Storage.Upkeep;

namespace Kosha.Storage.Uploads;

/// <summary>What a run did.</summary>
/// <param name="Expired">Uploads that nobody completed in their time.</param>
/// <param name="Cleared">Uploads whose bytes are gone, and whose reservations were given back.</param>
/// <param name="Late">Objects of uploads that were cleared before, whose PUT ended only afterwards.</param>
/// <param name="Failed">Uploads whose bytes could not be removed now, and why; the next run tries again.</param>
public sealed record UploadExpiryResult(long Expired, long Cleared, long Late, Findings Failed);

/// <summary>
/// Ends uploads that nobody completed. A reservation, also a cancelled one, is given back only after the last URL is
/// over and nothing is under the staging keys, so that no bytes lie there that no quota counts. What a PUT that began
/// in time leaves after that goes in the next run.
/// </summary>
public sealed class UploadExpiry(Database database, IBlobStore store)
{
    /// <summary>By how much the clocks of database, daemons and store may differ.</summary>
    public static readonly TimeSpan DefaultSlack = TimeSpan.FromMinutes(2);

    /// <summary>How long it can be asked what became of an upload.</summary>
    private static readonly TimeSpan Memory = TimeSpan.FromHours(24);

    private const string LeaseName = "upload-expiry";
    private const int PageSize = 100;

    /// <summary>Uploads in one transaction.</summary>
    private const int MaxForgotten = 1000;

    /// <summary>Rows of what is over, of one user.</summary>
    private const int MaxRemembered = 10_000;

    private readonly UploadTable table = new(database);
    private readonly InstallationTable installation = new(database);

    /// <summary>How far it has come.</summary>
    public WorkProgress Progress { get; init; } = new();

    /// <summary>Faults: AlreadyExists (another run), Unavailable.</summary>
    public async Task<UploadExpiryResult> RunAsync(TimeSpan slack, CancellationToken ct)
    {
        await using var lease = await Lease.TakeAsync(database, LeaseName, ct);
        var state = await installation.RequireOwnAsync(store, ct);
        var expired = await ExpireAsync(lease, ct);
        var (cleared, failed, after) = (0L, new Findings(), 0L);
        while (await table.ToClearAsync(slack, after, PageSize, ct) is { Count: > 0 } page)
        {
            foreach (var upload in page)
            {
                await lease.RenewAsync(ct);
                if (await ProblemAsync(upload, ct) is { } problem)
                    failed.Add($"{upload.Key}: {problem}");
                else
                    Progress.Say("removing bytes", ++cleared);
            }
            after = page[^1].Id;
        }
        var late = state.IsReconciled ? await RemoveLateAsync(slack, lease, ct) : 0;
        await ForgetAsync(lease, ct);
        return new(expired, cleared, late, failed);
    }

    private async Task<long> ExpireAsync(Lease lease, CancellationToken ct)
    {
        var (total, step) = (0L, 0);
        do
        {
            await lease.RenewAsync(ct);
            step = await table.ExpireAsync(MaxForgotten, ct);
            total += step;
        }
        while (step == MaxForgotten);
        return total;
    }

    private async Task<long> RemoveLateAsync(TimeSpan slack, Lease lease, CancellationToken ct)
    {
        try
        {
            return await new LateBytes(database, store).RemoveAsync(
                slack, onlyRemembered: true, () => lease.RenewAsync(ct), ct);
        }
        catch (StorageException e) when (e.Fault == StorageFault.Unavailable)
        {
            // A store that does not let itself be listed, of which the reconcile speaks: then they go with their row.
            return 0;
        }
    }

    /// <summary>What came late goes with the row at the latest, also where a store does not let itself be listed.
    /// </summary>
    private async Task ForgetAsync(Lease lease, CancellationToken ct)
    {
        var after = 0L;
        while (await table.OldAsync(Memory, after, MaxForgotten, ct) is { Count: > 0 } page)
        {
            await ForgetAsync(page, lease, ct);
            after = page[^1].Id;
        }
        foreach (var many in (await table.ManyAsync(MaxRemembered, ct)).Chunk(MaxForgotten))
            await ForgetAsync(many, lease, ct);
    }

    private async Task ForgetAsync(IEnumerable<Upload> uploads, Lease lease, CancellationToken ct)
    {
        var ids = new List<long>();
        foreach (var upload in uploads)
        {
            await lease.RenewAsync(ct);
            // A daemon that received bytes too late has removed them itself.
            if (!upload.IsDirect || await RemoveProblemAsync(upload, ct) is null)
                ids.Add(upload.Id);
        }
        await table.ForgetAsync(ids, ct);
    }

    private async Task<string?> ProblemAsync(Upload upload, CancellationToken ct)
    {
        try
        {
            if (await RemoveProblemAsync(upload, ct) is { } problem)
                return problem;
            await table.ClearAsync(upload, ct);
            return null;
        }
        catch (Exception e) when (e is StorageException or DbException)
        {
            return e.Message;
        }
    }

    private async Task<string?> RemoveProblemAsync(Upload upload, CancellationToken ct)
    {
        try
        {
            await DirectUploads.RemoveStagedAsync(store, upload, ct);
            return null;
        }
        catch (StorageException e)
        {
            return e.Message;
        }
    }
}
