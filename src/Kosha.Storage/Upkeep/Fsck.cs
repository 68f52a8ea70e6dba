using System.Buffers;
using System.Security.Cryptography;
using Dapper;
using Kosha.Storage.Blobs;

namespace Kosha.Storage.Upkeep;

/// <summary>
/// Checks the invariants on a running system and changes nothing: the shape of the tree, usage against the nodes, and
/// the bytes of every live blob, hashed anew. What changes meanwhile is looked at twice before it is called broken.
/// </summary>
public sealed class Fsck(Database database, IBlobStore store)
{
    private const int PageSize = 500;
    private const int BufferBytes = 1024 * 1024;

    /// <summary>Prints a table of checks and figures. True if nothing is broken.</summary>
    public async Task<bool> RunAsync(TextWriter output, CancellationToken ct)
    {
        var breaks = 0L;
        foreach (var (name, sql) in Checks)
            breaks += await CheckRowsAsync(output, name, sql, ct);
        breaks += await CheckBlobsAsync(output, ct);
        await PrintForeignAsync(output, ct);
        await PrintFiguresAsync(output, ct);
        await output.WriteLineAsync(breaks == 0 ? "Clean." : $"{breaks} problems found.");
        return breaks == 0;
    }

    // The database ----------------------------------------------------------------------------------------------------

    private static readonly (string Name, string Sql)[] Checks =
    [
        ("every user has a root and a usage row", """
            select format('user %s (%s)', u.id, u.username) from users u
            where not exists (
                select from file_nodes n where n.user_id = u.id and n.parent_id is null and n.trashed_at is null)
               or not exists (select from usage g where g.user_id = u.id)
            """),
        ("every parent is a folder of the same user", """
            select format('node %s (%s) below %s', n.id, n.name, p.id)
            from file_nodes n join file_nodes p on p.id = n.parent_id
            where not p.is_folder or p.user_id <> n.user_id
            """),
        ("every node hangs below a root or in the trash", """
            with recursive down as (
                select id from file_nodes where parent_id is null
                union all
                select n.id from down d join file_nodes n on n.parent_id = d.id)
            select format('node %s (%s)', n.id, n.name) from file_nodes n
            where not exists (select from down where down.id = n.id)
            """),
        ("every file has the size of its blob, which is stored", """
            select format(
                'node %s (%s): %s bytes, blob %s %s with %s bytes', n.id, n.name, n.size, b.id, b.state, b.size)
            from file_nodes n join blobs b on b.id = n.blob_id
            where n.size <> b.size or b.state in ('storing', 'damaged')
            """),
        ("usage is the sum over the nodes", """
            select format(
                'user %s: accounted %s bytes in %s nodes, really %s in %s',
                g.user_id, g.bytes, g.nodes, s.bytes, s.nodes)
            from usage g
            cross join lateral (
                select coalesce(sum(n.size), 0) as bytes, count(*) as nodes from file_nodes n
                where n.user_id = g.user_id and (n.parent_id is not null or n.trashed_at is not null)) s
            where g.bytes <> s.bytes or g.nodes <> s.nodes
            """),
        ("no live blob lies under a doomed key", """
            select format('blob %s: %s', b.id, b.object_key) from blobs b join blob_objects o on o.key = b.object_key
            where o.doomed_at is not null and b.state in ('live', 'condemned')
            """),
    ];

    private async Task<long> CheckRowsAsync(TextWriter output, string name, string sql, CancellationToken ct)
    {
        var broken = await database.ReadAsync(async connection =>
            (await connection.QueryAsync<string>(new(sql, commandTimeout: 0, cancellationToken: ct))).AsList(), ct);
        await PrintAsync(output, name, broken);
        return broken.Count;
    }

    // The bytes -------------------------------------------------------------------------------------------------------

    private const string SqlBlobs = """
        select id, sha256, size, object_key from blobs
        where id > @after and state in ('live', 'condemned') order by id limit @PageSize
        """;

    private const string SqlIsStillThere = """
        select exists (select from blobs where id = @Id and object_key = @ObjectKey and state in ('live', 'condemned'))
        """;

    private sealed record BlobRow(long Id, byte[] Sha256, long Size, string ObjectKey);

    private async Task<long> CheckBlobsAsync(TextWriter output, CancellationToken ct)
    {
        var broken = new List<string>();
        var after = 0L;
        while (true)
        {
            var page = await database.ReadAsync(async connection =>
                (await connection.QueryAsync<BlobRow>(
                    new(SqlBlobs, new { after, PageSize }, cancellationToken: ct))).AsList(), ct);
            if (page.Count == 0)
                break;
            foreach (var blob in page)
            {
                if (await ProblemAsync(blob, ct) is { } problem && await IsStillThereAsync(blob, ct))
                    broken.Add($"blob {blob.Id} ({blob.ObjectKey}): {problem}");
            }
            after = page[^1].Id;
        }
        await PrintAsync(output, "every stored blob has its bytes", broken);
        return broken.Count;
    }

    private async Task<string?> ProblemAsync(BlobRow blob, CancellationToken ct)
    {
        var size = await store.FindSizeAsync(blob.ObjectKey, ct);
        if (size != blob.Size)
            return size is null ? "the object is missing" : $"the object has {size} bytes instead of {blob.Size}";
        try
        {
            await using var bytes = await store.OpenAsync(blob.ObjectKey, 0, blob.Size, ct);
            return (await HashAsync(bytes, ct)).AsSpan().SequenceEqual(blob.Sha256)
                ? null
                : "the object has other bytes";
        }
        catch (Exception e) when (e is StorageException { Fault: StorageFault.Damaged } or IOException)
        {
            return e.Message;
        }
    }

    private static async Task<byte[]> HashAsync(Stream bytes, CancellationToken ct)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            for (int count; (count = await bytes.ReadAsync(buffer, ct)) > 0;)
                hash.AppendData(buffer, 0, count);
            return hash.GetHashAndReset();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private Task<bool> IsStillThereAsync(BlobRow blob, CancellationToken ct) =>
        database.ReadAsync(connection =>
            connection.ExecuteScalarAsync<bool>(new(SqlIsStillThere, blob, cancellationToken: ct)), ct);

    // Figures ---------------------------------------------------------------------------------------------------------

    private const string SqlKnownKeys = "select key from blob_objects where key = any(@keys)";

    /// <summary>Objects without a row are reported, never removed here; they break no promise.</summary>
    private async Task PrintForeignAsync(TextWriter output, CancellationToken ct)
    {
        var foreign = new List<string>();
        await foreach (var page in PagesAsync(ct))
        {
            var known = await database.ReadAsync(async connection =>
                (await connection.QueryAsync<string>(new(SqlKnownKeys, new { keys = page }, cancellationToken: ct)))
                .ToHashSet(StringComparer.Ordinal), ct);
            foreign.AddRange(page.Where(key => !known.Contains(key)));
        }
        if (foreign.Count > 0)
            await output.WriteLineAsync(
                $"note    {foreign.Count} objects in the store have no row, for example {foreign[0]}");
    }

    private async IAsyncEnumerable<string[]> PagesAsync(
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        var page = new List<string>(PageSize);
        await foreach (var stored in store.ListAsync(ct))
        {
            page.Add(stored.Key);
            if (page.Count < PageSize)
                continue;
            yield return [.. page];
            page.Clear();
        }
        if (page.Count > 0)
            yield return [.. page];
    }

    private const string SqlFigures = """
        select (select count(*) from users) as users,
               (select count(*) from file_nodes where parent_id is not null or trashed_at is not null) as nodes,
               (select coalesce(sum(bytes), 0)::bigint from usage) as accounted,
               (select count(*) from blobs) as blobs,
               (select coalesce(sum(size), 0)::bigint from blobs where state in ('live', 'condemned')) as stored
        """;

    private sealed record Figures(long Users, long Nodes, long Accounted, long Blobs, long Stored);

    private async Task PrintFiguresAsync(TextWriter output, CancellationToken ct)
    {
        var f = await database.ReadAsync(connection =>
            connection.QuerySingleAsync<Figures>(new(SqlFigures, cancellationToken: ct)), ct);
        await output.WriteLineAsync(
            $"{f.Users} users, {f.Nodes} files and folders, {f.Accounted} bytes accounted, "
            + $"{f.Blobs} blobs, {f.Stored} bytes stored");
    }

    private static async Task PrintAsync(TextWriter output, string name, List<string> broken)
    {
        const int shown = 20;
        await output.WriteLineAsync(
            broken.Count == 0 ? $"ok      {name}" : $"BROKEN  {name}: {broken.Count}");
        foreach (var line in broken.Take(shown))
            await output.WriteLineAsync($"          {line}");
        if (broken.Count > shown)
            await output.WriteLineAsync($"          and {broken.Count - shown} more");
    }
}
