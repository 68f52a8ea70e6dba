using Dapper;
using Npgsql;

namespace Kosha.Storage.Blobs;

/// <summary>A key, what the blob under it must be, and when it was last named after its bytes were put.</summary>
internal sealed record BlobRow(
    long Id, byte[] Sha256, long Size, string State, string ObjectKey, DateTime TouchedAt);

/// <summary>
/// The end of blobs that nothing names: condemned, and a grace time later their row goes first, then the object.
/// </summary>
internal sealed partial class BlobTable
{
    /// <summary>
    /// Whatever refers to a blob b. Every foreign key to blobs must stand here; a test compares. Were one missing, the
    /// key itself would still refuse that the row goes. "offset 0" keeps it a look into the index for each blob of a
    /// page, where the planner would join whole tables for each page.
    /// </summary>
    internal const string IsNamed = """
        (exists (select from file_nodes n where n.blob_id = b.id offset 0)
         or exists (select from versions v where v.blob_id = b.id offset 0))
        """;

    /// <summary>A damaged blob stays damaged: its bytes must not spare anybody the upload.</summary>
    private const string SqlCondemn = $"""
        with page as materialized (
            select id from blobs where id > @after order by id limit @limit
        ), condemned as (
            update blobs b set state = case b.state when 'live' then 'condemned' else b.state end, condemned_at = now()
            where b.id = any(array(select id from page)) and b.state in ('live', 'damaged') and b.condemned_at is null
              and b.touched_at <= now() - @grace and not {IsNamed}
            returning b.id
        )
        select max(id) as last, (select count(*) from condemned) as condemned from page
        """;

    /// <summary>Condemns what no row names and nobody touched within the grace time, a page by id.</summary>
    /// <returns>The last id of the page, null after the last page; and how many were condemned.</returns>
    public Task<(long? Last, long Condemned)> CondemnAsync(
        long after, int limit, TimeSpan grace, CancellationToken ct) =>
        database.WriteAsync(transaction => transaction.Connection!.QuerySingleAsync<(long?, long)>(
            new(SqlCondemn, new { after, limit, grace }, transaction, commandTimeout: 0, cancellationToken: ct)), ct);

    private const string SqlAcquit = $"""
        update blobs b set state = case b.state when 'condemned' then 'live' else b.state end, condemned_at = null
        where b.state <> 'live' and b.condemned_at is not null and {IsNamed}
        """;

    /// <summary>A name that was being written while its blob was condemned. Returns how many.</summary>
    public Task<int> AcquitNamedAsync(CancellationToken ct) => database.WriteAsync(transaction =>
        transaction.Connection!.ExecuteAsync(
            new(SqlAcquit, transaction: transaction, commandTimeout: 0, cancellationToken: ct)), ct);

    private const string IsGarbage = $"""
        b.state <> 'live' and not {IsNamed}
        and ((b.state = 'storing' and b.touched_at <= now() - @grace) or b.condemned_at <= now() - @grace)
        """;

    private const string SqlGarbage =
        $"select b.id from blobs b where b.id > @after and {IsGarbage} order by b.id limit @limit";

    public Task<List<long>> GarbageAsync(long after, int limit, TimeSpan grace, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<long>(
            new(SqlGarbage, new { after, limit, grace }, commandTimeout: 0, cancellationToken: ct))).AsList(), ct);

    /// <summary>A row that somebody makes live meanwhile is waited for, and then looked at anew.</summary>
    private const string SqlRemove = $"""
        with gone as (
            delete from blobs b where b.id = @id and {IsGarbage} returning b.object_key
        )
        update blob_objects set doomed_at = now() where key in (select object_key from gone) returning key
        """;

    /// <summary>
    /// Deletes a garbage blob's row and dooms its key. Null if the blob is garbage no more: somebody named it, which
    /// the foreign key sees even where this statement does not.
    /// </summary>
    public async Task<string?> RemoveAsync(long id, TimeSpan grace, CancellationToken ct)
    {
        try
        {
            return await database.WriteAsync(transaction => transaction.Connection!.ExecuteScalarAsync<string?>(
                new(SqlRemove, new { id, grace }, transaction, cancellationToken: ct)), ct);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ForeignKeyViolation)
        {
            return null;
        }
    }

    // Keys ------------------------------------------------------------------------------------------------------------

    private const string SqlDoomUnnamed = """
        with page as materialized (
            select key from blob_objects where key > @after order by key limit @limit
        ), doomed as (
            update blob_objects o set doomed_at = now()
            where o.key = any(array(select key from page)) and o.doomed_at is null and o.made_at <= now() - @grace
              and not exists (select from blobs b where b.object_key = o.key offset 0)
            returning o.key
        )
        select max(key) as last, array(select key from doomed) as doomed from page
        """;

    private sealed record DoomedPage
    {
        public string? Last { get; init; }

        public string[] Doomed { get; init; } = [];
    }

    /// <summary>
    /// A statement of its own, because it sees what was committed while the first one waited for a healer.
    /// </summary>
    private const string SqlPardon = """
        update blob_objects o set doomed_at = null
        where o.key = any(@doomed) and exists (select from blobs b where b.object_key = o.key)
        """;

    /// <summary>Dooms keys that were reserved for a healing that never came, a page by key.</summary>
    /// <returns>The last key of the page, null after the last page; and how many were doomed.</returns>
    public Task<(string? Last, long Doomed)> DoomUnnamedKeysAsync(
        string after, int limit, TimeSpan grace, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            var connection = transaction.Connection!;
            var page = await connection.QuerySingleAsync<DoomedPage>(new(
                SqlDoomUnnamed, new { after, limit, grace }, transaction, commandTimeout: 0, cancellationToken: ct));
            var pardoned = page.Doomed.Length == 0 ? 0 : await connection.ExecuteAsync(
                new(SqlPardon, new { page.Doomed }, transaction, cancellationToken: ct));
            return (page.Last, (long)page.Doomed.Length - pardoned);
        }, ct);

    private const string SqlDoomed = """
        select o.key from blob_objects o cross join installation i
        where o.doomed_at is not null and o.deleted_at is null and o.store = @store and o.key > @after
          and i.id = @Id and i.epoch = @Epoch and i.reconciled_epoch >= i.epoch
        order by o.key limit @limit
        """;

    /// <summary>Keys whose object must go; none once the installation is in another epoch.</summary>
    public Task<List<string>> DoomedKeysAsync(
        IBlobStore store, InstallationState state, string after, int limit, CancellationToken ct) =>
        KeysAsync(SqlDoomed, new { store = store.Name, state.Id, state.Epoch, after, limit }, ct);

    private const string SqlDeleted = """
        update blob_objects set deleted_at = now() where key = @key and doomed_at is not null
        """;

    public Task SetDeletedAsync(string key, CancellationToken ct) => database.WriteAsync(transaction =>
        transaction.Connection!.ExecuteAsync(new(SqlDeleted, new { key }, transaction, cancellationToken: ct)), ct);

    private const string SqlDeletedLongAgo = """
        select key from blob_objects
        where doomed_at is not null and deleted_at <= now() - @grace and store = @store and key > @after
        order by key limit @limit
        """;

    /// <summary>Keys whose object was deleted at least the grace time ago.</summary>
    public Task<List<string>> DeletedKeysAsync(
        IBlobStore store, TimeSpan grace, string after, int limit, CancellationToken ct) =>
        KeysAsync(SqlDeletedLongAgo, new { store = store.Name, grace, after, limit }, ct);

    private Task<List<string>> KeysAsync(string sql, object parameters, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<string>(
            new(sql, parameters, cancellationToken: ct))).AsList(), ct);

    private const string SqlUndelete = "update blob_objects set deleted_at = null where key = @key";

    /// <summary>A late writer put the object of a doomed key again: it must be deleted once more.</summary>
    public Task SetUndeletedAsync(string key, CancellationToken ct) => database.WriteAsync(transaction =>
        transaction.Connection!.ExecuteAsync(new(SqlUndelete, new { key }, transaction, cancellationToken: ct)), ct);

    private const string SqlForget = "delete from blob_objects where key = @key and deleted_at is not null";

    /// <summary>From here on the key may be used again.</summary>
    public Task ForgetKeyAsync(string key, CancellationToken ct) => database.WriteAsync(transaction =>
        transaction.Connection!.ExecuteAsync(new(SqlForget, new { key }, transaction, cancellationToken: ct)), ct);
}
