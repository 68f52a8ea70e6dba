using Kosha.Storage.Blobs;
using Kosha.Storage.Tree;
using Kosha.Storage.Upkeep;
using Kosha.Storage.Uploads;
using Kosha.Storage.Webhooks;
using Npgsql;

namespace Kosha.Storage.Accounts;

/// <summary>What a run did.</summary>
/// <param name="Deleted">Accounts of which nothing is left.</param>
/// <param name="Waiting">Accounts of which something is: URLs of uploads that are not over yet, or what failed.</param>
/// <param name="Nodes">Files and folders removed for good, of whomever.</param>
/// <param name="Failed">What could not be removed, and why; the next run tries again.</param>
public sealed record AccountDeletionResult(long Deleted, long Waiting, long Nodes, Findings Failed);

/// <summary>
/// Deletes accounts that were disabled for it.
/// <list type="number">
/// <item>Their uploads end, and all their nodes become tops of the trash that are being removed.</item>
/// <item>A purge removes nodes, in small transactions that give the usage back; the contents are left to the sweep,
/// which finds that nothing names them, unless other users do.</item>
/// <item>An expiry of uploads removes what lies under their staging keys, once their URLs are over.</item>
/// <item>Where nothing is left, credentials and the user's row go, and the name is free again.</item>
/// </list>
/// A crash at any point leaves work for the next run, which does no step twice.
/// </summary>
public sealed class AccountDeletion(Database database, IBlobStore store)
{
    private const string LeaseName = "account-deletion";

    private const int UsersPerPage = 100;

    /// <summary>Nodes, or messages of webhooks, in one transaction.</summary>
    private const int RowsPerStep = 2000;

    private readonly NodeTree tree = new(database);
    private readonly UserTable users = new(database);
    private readonly UploadTable uploads = new(database);
    private readonly WebhookTable webhooks = new(database);

    /// <summary>How far it has come.</summary>
    public WorkProgress Progress { get; init; } = new();

    /// <param name="slack">See <see cref="UploadExpiry.DefaultSlack"/>.</param>
    /// <param name="ct">Ends it.</param>
    /// <exception cref="StorageException">AlreadyExists (another run, or a purge or an expiry), Unavailable.
    /// </exception>
    public async Task<AccountDeletionResult> RunAsync(TimeSpan slack, CancellationToken ct)
    {
        await using var lease = await Lease.TakeAsync(database, LeaseName, ct);
        // 1. Mark.
        var failed = new Findings();
        var marked = await ForEachAsync(lease, failed, id => MarkAsync(id, lease, ct), ct);
        if (marked == 0)
            return new(0, 0, 0, new());
        // 2. Purge.
        var purged = await new TrashPurge(database, tree) { Progress = Progress }.RunAsync(ct);
        // 3. Staged bytes.
        var expired = await new UploadExpiry(database, store) { Progress = Progress }.RunAsync(slack, ct);
        // 4. What was to be told, and the rows.
        while (await webhooks.ForgetRemovedAsync(RowsPerStep, ct) == RowsPerStep)
            await lease.RenewAsync(ct);
        var deleted = 0L;
        await ForEachAsync(lease, failed, async id => deleted += await users.RemoveAsync(id, ct) ? 1 : 0, ct);
        var first = new[] { failed, purged.Failed, expired.Failed }.FirstOrDefault(some => some.Count > 0);
        return new(deleted, marked - deleted, purged.Nodes, first ?? failed);
    }

    /// <summary>
    /// All accounts that are being deleted. What is wrong with one must not keep the others. Returns how many.
    /// </summary>
    private async Task<long> ForEachAsync(Lease lease, Findings failed, Func<long, Task> work, CancellationToken ct)
    {
        var (count, after) = (0L, 0L);
        while (await users.DeletingAsync(after, UsersPerPage, ct) is { Count: > 0 } page)
        {
            foreach (var id in page)
            {
                await lease.RenewAsync(ct);
                count++;
                try
                {
                    await work(id);
                }
                catch (Exception e) when (e is PostgresException
                    or StorageException { Fault: not StorageFault.Unavailable })
                {
                    failed.Add($"user {id}: {e.Message}");
                }
            }
            after = page[^1];
        }
        return count;
    }

    private async Task MarkAsync(long userId, Lease lease, CancellationToken ct)
    {
        await uploads.EndAllAsync(userId, ct);
        while (await tree.MarkAllAsync(userId, RowsPerStep, ct) == RowsPerStep)
            await lease.RenewAsync(ct);
    }
}
