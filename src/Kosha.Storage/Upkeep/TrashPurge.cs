using Kosha.Storage.Tree;

namespace Kosha.Storage.Upkeep;

/// <summary>What a purge did.</summary>
/// <param name="Tops">Things in the trash whose days were over.</param>
/// <param name="Nodes">Files and folders removed for good.</param>
/// <param name="Bytes">Their sizes: what their users can use again.</param>
public sealed record PurgeResult(long Tops, long Nodes, long Bytes);

/// <summary>
/// Removes for good what has been in the trash for as many days as its user's plan keeps it; a plan without a number
/// keeps it for ever. The contents stay until the sweep finds that nothing names them. A crash at any point leaves
/// work for the next purge.
/// </summary>
public sealed class TrashPurge(Database database, NodeTree tree)
{
    private const string LeaseName = "purge";

    private const int UsersPerPage = 500;
    private const int TopsPerPage = 500;

    /// <summary>Nodes in one transaction.</summary>
    private const int NodesPerStep = 2000;

    /// <summary>Faults: AlreadyExists (another purge runs), Unavailable.</summary>
    public async Task<PurgeResult> RunAsync(CancellationToken ct)
    {
        await using var lease = await Lease.TakeAsync(database, LeaseName, ct);
        var tops = await MarkAsync(lease, ct);
        var (nodes, bytes) = (0L, 0L);
        while (await tree.PurgedTopsAsync(TopsPerPage, ct) is { Count: > 0 } page)
        {
            foreach (var top in page)
            {
                for (var isOver = false; !isOver;)
                {
                    await lease.RenewAsync(ct);
                    var step = await tree.PurgeAsync(top, NodesPerStep, ct);
                    Steps.Reached(Steps.PurgeStepped);
                    (nodes, bytes, isOver) = (nodes + step.Nodes, bytes + step.Bytes, step.IsOver);
                }
            }
        }
        return new(tops, nodes, bytes);
    }

    private async Task<long> MarkAsync(Lease lease, CancellationToken ct)
    {
        var total = 0L;
        var after = 0L;
        while (await tree.UsersWithDueTrashAsync(after, UsersPerPage, ct) is { Count: > 0 } page)
        {
            foreach (var user in page)
            {
                int marked;
                do
                {
                    await lease.RenewAsync(ct);
                    marked = await tree.MarkDueTrashAsync(user, NodesPerStep, ct);
                    total += marked;
                }
                while (marked == NodesPerStep);
            }
            after = page[^1];
        }
        return total;
    }
}
