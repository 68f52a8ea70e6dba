using Dapper;
using Kosha.Storage.Blobs;

namespace Kosha.Storage.Upkeep;

/// <summary>
/// Mends what can be proven: sums, states of blobs whose bytes were just read and hashed, roots that are missing. It
/// deletes nothing, and leaves whatever needs a decision (a node that hangs nowhere) as it is.
/// </summary>
internal sealed class FsckRepair(Database database, IBlobStore store)
{
    private const int PageSize = 500;

    private readonly BlobTable blobs = new(database);

    /// <summary>What was mended, a line each. Faults: AlreadyExists (a sweep runs), Unavailable.</summary>
    public async Task<IReadOnlyList<string>> RunAsync(CancellationToken ct)
    {
        // No sweep meanwhile: it deletes the objects of doomed keys.
        await using var lease = await Lease.TakeAsync(database, Sweep.LeaseName, ct);
        List<string> mended = [.. await MendAsync(SqlUsageRows, ct), .. await MendAsync(SqlRoots, ct)];
        await MendBlobsAsync(lease, mended, ct);
        mended.AddRange(await MendAsync(SqlSizes, ct));
        foreach (var userId in await UsersAsync(ct))
            mended.AddRange(await MendUsageAsync(userId, ct));
        return mended;
    }

    private const string SqlUsageRows = """
        insert into usage (user_id) select id from users on conflict (user_id) do nothing
        returning format('user %s has a usage row again', user_id)
        """;

    private const string SqlRoots = """
        insert into file_nodes (user_id, name, name_folded, is_folder)
        select u.id, '', '', true from users u
        where not exists (
            select from file_nodes n where n.user_id = u.id and n.parent_id is null and n.trashed_at is null)
        returning format('user %s has a root again', user_id)
        """;

    /// <summary>A stored blob's size is proven by its bytes; a file has the size of its content.</summary>
    private const string SqlSizes = """
        update file_nodes n set size = b.size from blobs b
        where b.id = n.blob_id and n.size <> b.size and b.state in ('live', 'condemned')
        returning format('node %s (%s) has the size of its content again: %s bytes', n.id, n.name, n.size)
        """;

    private Task<List<string>> MendAsync(string sql, CancellationToken ct) =>
        database.WriteAsync(async transaction => (await transaction.Connection!.QueryAsync<string>(
            new(sql, transaction: transaction, commandTimeout: 0, cancellationToken: ct))).AsList(), ct);

    // Usage -----------------------------------------------------------------------------------------------------------

    private const string SqlUsers = "select id from users order by id";

    private Task<List<long>> UsersAsync(CancellationToken ct) => database.ReadAsync(async connection =>
        (await connection.QueryAsync<long>(new(SqlUsers, cancellationToken: ct))).AsList(), ct);

    /// <summary>A statement of its own: the sum must be taken after the user's last write has ended.</summary>
    private const string SqlKeepWritersAway = "select pg_advisory_xact_lock(@userId)";

    private const string SqlUsage = """
        update usage g set bytes = s.bytes, nodes = s.nodes, reserved_bytes = 0
        from (
            select coalesce(sum(size), 0) as bytes, count(*) as nodes from file_nodes
            where user_id = @userId and (parent_id is not null or trashed_at is not null)) s
        where g.user_id = @userId and (g.bytes <> s.bytes or g.nodes <> s.nodes or g.reserved_bytes <> 0)
        returning format('the usage of user %s is the sum again: %s bytes in %s nodes', g.user_id, g.bytes, g.nodes)
        """;

    private Task<List<string>> MendUsageAsync(long userId, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            var connection = transaction.Connection!;
            await connection.ExecuteAsync(new(SqlKeepWritersAway, new { userId }, transaction, cancellationToken: ct));
            return (await connection.QueryAsync<string>(
                new(SqlUsage, new { userId }, transaction, commandTimeout: 0, cancellationToken: ct))).AsList();
        }, ct);

    // Blobs -----------------------------------------------------------------------------------------------------------

    private async Task MendBlobsAsync(Lease lease, List<string> mended, CancellationToken ct)
    {
        var after = 0L;
        while (await blobs.NamedOrStoredAsync(after, PageSize, ct) is { Count: > 0 } page)
        {
            foreach (var blob in page)
            {
                await lease.RenewAsync(ct);
                if (await MendBlobAsync(blob, ct) is { } line)
                    mended.Add($"blob {blob.Id} ({blob.ObjectKey}): {line}");
            }
            after = page[^1].Id;
        }
    }

    private async Task<string?> MendBlobAsync(BlobRow blob, CancellationToken ct)
    {
        string? problem;
        try
        {
            problem = await ObjectCheck.ProblemAsync(store, blob, ct);
        }
        catch (Exception e) when (e is IOException or StorageException { Fault: StorageFault.Unavailable })
        {
            return null;
        }
        if (problem is not null)
            return await blobs.SetDamagedAsync(blob, ct) ? $"marked as damaged, {problem}" : null;
        return await blobs.SetProvenAsync(blob, ct) ? "its bytes are proven whole, and it is live again" : null;
    }
}
