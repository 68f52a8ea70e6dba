using Dapper;

namespace Kosha.Storage.Blobs;

/// <summary>What scrub, reconcile and fsck find out about the bytes.</summary>
internal sealed partial class BlobTable
{
    private const string SqlStored = """
        select id, sha256, size, state, object_key, touched_at from blobs
        where id > @after and state <> 'storing' order by id limit @limit
        """;

    /// <summary>Blobs whose bytes should be there, and damaged ones, a page by id.</summary>
    public Task<List<BlobRow>> StoredAsync(long after, int limit, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<BlobRow>(
            new(SqlStored, new { after, limit }, cancellationToken: ct))).AsList(), ct);

    private const string SqlNamedOrStored = $"""
        select b.id, b.sha256, b.size, b.state, b.object_key, b.touched_at, o.doomed_at is not null as is_doomed
        from blobs b join blob_objects o on o.key = b.object_key
        where b.id > @after and (b.state <> 'storing' or {IsNamed}) order by b.id limit @limit
        """;

    /// <summary>
    /// The same with those that are named although they were never stored, and whether the key is doomed: neither must
    /// be.
    /// </summary>
    public Task<List<(BlobRow Blob, bool IsDoomed)>> NamedOrStoredAsync(
        long after, int limit, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<BlobRow, bool, (BlobRow, bool)>(
            new(SqlNamedOrStored, new { after, limit }, cancellationToken: ct),
            (blob, isDoomed) => (blob, isDoomed), splitOn: "is_doomed")).AsList(), ct);

    private const string SqlCount = "select count(*) from blobs where state <> 'storing'";

    public Task<long> CountAsync(CancellationToken ct) => database.ReadAsync(connection =>
        connection.ExecuteScalarAsync<long>(new(SqlCount, cancellationToken: ct)), ct);

    private const string SqlIsStill = """
        select exists (
            select from blobs
            where id = @Id and object_key = @ObjectKey and state = @State and touched_at = @TouchedAt)
        """;

    /// <summary>Whether the row is as it was read; what changed meanwhile proves nothing.</summary>
    public Task<bool> IsStillAsync(BlobRow blob, CancellationToken ct) => database.ReadAsync(connection =>
        connection.ExecuteScalarAsync<bool>(new(SqlIsStill, blob, cancellationToken: ct)), ct);

    private const string SqlSetDamaged = """
        update blobs b set state = 'damaged'
        where b.id = @Id and b.object_key = @ObjectKey and b.state = @State and b.touched_at = @TouchedAt
          and b.state <> 'damaged'
        """;

    /// <summary>
    /// The bytes are proven to be missing or wrong. Reads fail loudly from here on, and the next upload of the content
    /// heals every file that has it. False if the row changed meanwhile, or somebody put its bytes again.
    /// </summary>
    public async Task<bool> SetDamagedAsync(BlobRow blob, CancellationToken ct) =>
        await database.WriteAsync(transaction =>
            transaction.Connection!.ExecuteAsync(new(SqlSetDamaged, blob, transaction, cancellationToken: ct)), ct) > 0;

    private const string SqlPardonKey = """
        update blob_objects o set doomed_at = null, deleted_at = null
        where o.key = @ObjectKey and o.doomed_at is not null
          and exists (select from blobs b where b.id = @Id and b.object_key = @ObjectKey)
        """;

    /// <summary>
    /// The bytes are proven to be there, whatever the rows say; only while no sweep runs. False if the rows said so.
    /// </summary>
    public Task<bool> SetProvenAsync(BlobRow blob, CancellationToken ct) => database.WriteAsync(async transaction =>
    {
        var connection = transaction.Connection!;
        var changed = await connection.ExecuteAsync(new(SqlSetWhole, blob, transaction, cancellationToken: ct));
        changed += await connection.ExecuteAsync(new(SqlPardonKey, blob, transaction, cancellationToken: ct));
        return changed > 0;
    }, ct);

    private const string SqlSetWhole = """
        update blobs set state = case when condemned_at is null then 'live' else 'condemned' end
        where id = @Id and object_key = @ObjectKey and state = @State and state in ('damaged', 'storing')
        """;

    /// <summary>The bytes of a damaged blob are proven to be there again (a disk came back).</summary>
    public async Task<bool> SetWholeAsync(BlobRow blob, CancellationToken ct) =>
        await database.WriteAsync(transaction =>
            transaction.Connection!.ExecuteAsync(new(SqlSetWhole, blob, transaction, cancellationToken: ct)), ct) > 0;

    private const string SqlWithoutDigests = """
        select id, sha256, size, state, object_key, touched_at from blobs
        where id > @after and (sha1 is null or md5 is null) and state = 'live' order by id limit @limit
        """;

    /// <summary>Live blobs whose SHA-1 or MD5 nobody knows yet, a page by id.</summary>
    public Task<List<BlobRow>> WithoutDigestsAsync(long after, int limit, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<BlobRow>(
            new(SqlWithoutDigests, new { after, limit }, commandTimeout: 0, cancellationToken: ct))).AsList(), ct);

    private const string SqlSetDigests = "update blobs set sha1 = @sha1, md5 = @md5 where id = @Id";

    /// <summary>From bytes that Kosha has read itself, and whose SHA-256 is the blob's.</summary>
    public Task SetDigestsAsync(BlobRow blob, byte[] sha1, byte[] md5, CancellationToken ct) =>
        database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync(
            new(SqlSetDigests, new { blob.Id, sha1, md5 }, transaction, cancellationToken: ct)), ct);

    private const string SqlStateOf = "select state from blobs where object_key = @key";

    /// <summary>The state of the content that has its bytes under this key; null if none has.</summary>
    public Task<string?> FindStateAsync(string key, CancellationToken ct) => database.ReadAsync(connection =>
        connection.ExecuteScalarAsync<string?>(new(SqlStateOf, new { key }, cancellationToken: ct)), ct);
}
