using Kosha.Storage.Tree;
using Npgsql;

namespace Kosha.Storage.Upkeep;

/// <summary>What a purge did.</summary>
/// <param name="Tops">Things in the trash whose days were over.</param>
/// <param name="Nodes">Files and folders removed for good.</param>
/// <param name="Bytes">Their sizes: what their users can use again.</param>
/// <param name="Failed">What could not be removed, and why.</param>
public sealed record PurgeResult(long Tops, long Nodes, long Bytes, Findings Failed);

/// <summary>
/// Removes for good what has been in the trash for as many days as its user's plan keeps it; a plan without a number
/// keeps it for ever. The contents stay until the sweep finds that nothing names them. A crash at any point leaves
/// work for the next purge, and so does a user who is just changing a large folder.
/// </summary>
public sealed class TrashPurge(Database database, NodeTree tree)
{
    private const string LeaseName = "purge";

    private const int UsersPerPage = 500;

    /// <summary>Nodes in one transaction.</summary>
    private const int NodesPerStep = 2000;

    /// <summary>How far it has come.</summary>
    public WorkProgress Progress { get; init; } = new();

    /// <summary>Faults: AlreadyExists (another purge runs), Unavailable.</summary>
    public async Task<PurgeResult> RunAsync(CancellationToken ct)
    {
        await using var lease = await Lease.TakeAsync(database, LeaseName, ct);
        var run = new Run(tree, lease, Progress, await MarkAsync(lease, ct));
        // Folders below a top become tops on the way, with ids before or after it.
        while (await run.PassAsync(ct))
        {
        }
        return run.Result;
    }

    /// <summary>
    /// Removes what is marked of one user, for somebody who waits. No lease: whoever comes second finds less to do.
    /// </summary>
    /// <returns>False: some is left, which the next purge removes.</returns>
    public async Task<bool> RemoveMarkedAsync(
        long userId, TimeSpan patience, TimeProvider time, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        while (await tree.PurgedTopsOfAsync(userId, NodesPerStep, ct) is { Count: > 0 } tops)
        {
            var removed = await RemoveStepAsync(userId, tops, ct);
            if (removed == 0 || time.GetElapsedTime(start) >= patience)
                return (await tree.PurgedTopsOfAsync(userId, 1, ct)).Count == 0;
        }
        return true;
    }

    /// <returns>How many nodes went; 0: the user is busy, or something is wrong, which the purge will tell.</returns>
    private async Task<long> RemoveStepAsync(long userId, List<PurgedTop> tops, CancellationToken ct)
    {
        try
        {
            var leaves = await tree.PurgeLeavesAsync(userId, [.. tops.Select(top => top.Id)], ct);
            if (leaves is null or { Ids.Length: > 0 })
                return leaves?.Ids.Length ?? 0;
            // Folders with members, of which there is none or one step left.
            return (await tree.PurgeAsync(tops[0], NodesPerStep, ct))?.Nodes ?? 0;
        }
        catch (Exception e) when (e is PostgresException or StorageException { Fault: not StorageFault.Unavailable })
        {
            return 0;
        }
    }

    private async Task<long> MarkAsync(Lease lease, CancellationToken ct)
    {
        var total = 0L;
        var after = 0L;
        while (await tree.UsersWithDueTrashAsync(after, UsersPerPage, ct) is { Count: > 0 } page)
        {
            foreach (var user in page)
            {
                int? marked;
                do
                {
                    await lease.RenewAsync(ct);
                    marked = await tree.MarkDueTrashAsync(user, NodesPerStep, ct);
                    total += marked ?? 0;
                    Progress.Say("marking", total);
                }
                while (marked == NodesPerStep);
            }
            after = page[^1];
        }
        return total;
    }

    private sealed class Run(NodeTree tree, Lease lease, WorkProgress progress, long tops)
    {
        private Findings failed = new();
        private long nodes;
        private long bytes;

        public PurgeResult Result => new(tops, nodes, bytes, failed);

        /// <summary>Once over all marked tops. True if something went, so that it is worth another look.</summary>
        public async Task<bool> PassAsync(CancellationToken ct)
        {
            failed = new();
            var before = nodes;
            var after = 0L;
            while (await tree.PurgedTopsAsync(after, NodesPerStep, ct) is { Count: > 0 } page)
            {
                foreach (var user in page.GroupBy(top => top.UserId))
                    await PurgeAsync(user.Key, [.. user], ct);
                after = page[^1].Id;
            }
            return nodes > before;
        }

        private async Task PurgeAsync(long userId, PurgedTop[] marked, CancellationToken ct)
        {
            // If this fails because of one of them, it shows below which.
            var leaves = await TriedAsync(
                null, () => tree.PurgeLeavesAsync(userId, Array.ConvertAll(marked, top => top.Id), ct), ct);
            Count(leaves?.Ids.Length ?? 0, leaves?.Bytes ?? 0);
            foreach (var top in marked.ExceptBy(leaves?.Ids ?? [], top => top.Id))
            {
                PurgeStep? step;
                do
                {
                    step = await TriedAsync($"node {top.Id}", () => tree.PurgeAsync(top, NodesPerStep, ct), ct);
                    Count(step?.Nodes ?? 0, step?.Bytes ?? 0);
                }
                while (step is { IsOver: false });
            }
        }

        private void Count(long removed, long freed)
        {
            nodes += removed;
            bytes += freed;
            progress.Say("removing files and folders", nodes);
            Steps.Reached(Steps.PurgeStepped);
        }

        /// <summary>What is wrong with one must not keep all others.</summary>
        private async Task<T?> TriedAsync<T>(string? what, Func<Task<T?>> step, CancellationToken ct) where T : class
        {
            await lease.RenewAsync(ct);
            try
            {
                return await step();
            }
            catch (Exception e) when (e is PostgresException
                or StorageException { Fault: not StorageFault.Unavailable })
            {
                if (what is not null)
                    failed.Add($"{what}: {e.Message}");
                return null;
            }
        }
    }
}
