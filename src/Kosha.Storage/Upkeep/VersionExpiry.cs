using Kosha.Storage.Tree;
using Npgsql;

namespace Kosha.Storage.Upkeep;

/// <summary>What an expiry of versions did.</summary>
/// <param name="Versions">Removed for good.</param>
/// <param name="Bytes">Their sizes: what their users can use again.</param>
/// <param name="Failed">Users whose versions could not be removed, and why.</param>
public sealed record VersionExpiryResult(long Versions, long Bytes, Findings Failed);

/// <summary>
/// Removes for good the versions of files that are older than their user's plan keeps them; a plan without a number
/// keeps them for ever. A crash leaves work for the next run, and so does a user who is just writing.
/// </summary>
public sealed class VersionExpiry(Database database, NodeTree tree)
{
    private const string LeaseName = "versions";

    private const int UsersPerPage = 500;

    /// <summary>Versions in one transaction.</summary>
    private const int VersionsPerStep = 2000;

    /// <summary>How far it has come.</summary>
    public WorkProgress Progress { get; init; } = new();

    /// <summary>Faults: AlreadyExists (another one runs), Unavailable.</summary>
    public async Task<VersionExpiryResult> RunAsync(CancellationToken ct)
    {
        await using var lease = await Lease.TakeAsync(database, LeaseName, ct);
        var result = new VersionExpiryResult(0, 0, new());
        var after = 0L;
        while (await tree.UsersWithDueVersionsAsync(after, UsersPerPage, ct) is { Count: > 0 } page)
        {
            foreach (var user in page)
                result = await RemoveAsync(user, lease, result, ct);
            after = page[^1];
        }
        return result;
    }

    private async Task<VersionExpiryResult> RemoveAsync(
        long user, Lease lease, VersionExpiryResult result, CancellationToken ct)
    {
        RemovedVersions? step;
        do
        {
            await lease.RenewAsync(ct);
            try
            {
                step = await tree.RemoveDueVersionsAsync(user, VersionsPerStep, ct);
            }
            catch (Exception e) when (e is PostgresException
                or StorageException { Fault: not StorageFault.Unavailable })
            {
                // What is wrong with one must not keep all others.
                result.Failed.Add($"user {user}: {e.Message}");
                step = null;
            }
            result = result with
            {
                Versions = result.Versions + (step?.Versions ?? 0), Bytes = result.Bytes + (step?.Bytes ?? 0),
            };
            Progress.Say("removing versions", result.Versions);
        }
        while (step?.Versions == VersionsPerStep);
        return result;
    }
}
