using Dapper;

namespace Kosha.Storage.Blobs;

/// <summary>
/// What the store listed, kept in the database while a reconcile compares it with the rows: it may be larger than
/// memory. One at a time.
/// </summary>
internal sealed class StoreListing(Database database)
{
    private const int PageSize = 1000;

    private const string SqlClear = "truncate store_listing";

    private const string SqlNow = "select now()";

    private const string SqlAdd = """
        insert into store_listing (key, size, written_at)
        select key, size, written_at from unnest(@keys, @sizes, @times) as listed (key, size, written_at)
        on conflict (key) do nothing
        """;

    /// <summary>Lists the whole store. Returns the database's time before the first object was listed.</summary>
    /// <param name="store">To list.</param>
    /// <param name="eachPage">Called after each page.</param>
    /// <param name="ct">Ends it.</param>
    public async Task<DateTime> FillAsync(IBlobStore store, Func<Task> eachPage, CancellationToken ct)
    {
        var start = await database.WriteAsync(transaction => transaction.Connection!.ExecuteScalarAsync<DateTime>(
            new($"{SqlClear};{SqlNow}", transaction: transaction, cancellationToken: ct)), ct);
        var page = new List<StoredObject>(PageSize);
        await foreach (var stored in store.ListAsync(ct))
        {
            page.Add(stored);
            if (page.Count < PageSize)
                continue;
            await AddAsync(page, ct);
            await eachPage();
            page.Clear();
        }
        await AddAsync(page, ct);
        return start;
    }

    private Task AddAsync(List<StoredObject> page, CancellationToken ct)
    {
        var parameters = new
        {
            keys = page.ConvertAll(stored => stored.Key).ToArray(),
            sizes = page.ConvertAll(stored => stored.Size).ToArray(),
            times = page.ConvertAll(stored => stored.WrittenAt.UtcDateTime).ToArray(),
        };
        return database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync(
            new(SqlAdd, parameters, transaction, cancellationToken: ct)), ct);
    }

    public Task ClearAsync(CancellationToken ct) => database.WriteAsync(transaction =>
        transaction.Connection!.ExecuteAsync(new(SqlClear, transaction: transaction, cancellationToken: ct)), ct);

    private const string SqlCount = "select count(*) from store_listing";

    public Task<long> CountAsync(CancellationToken ct) => database.ReadAsync(connection =>
        connection.ExecuteScalarAsync<long>(new(SqlCount, cancellationToken: ct)), ct);

    private const string SqlWithoutObject = """
        select b.id, b.sha256, b.size, b.state, b.object_key, b.touched_at from blobs b
        join blob_objects o on o.key = b.object_key and o.store = @store
        left join store_listing l on l.key = b.object_key
        where b.id > @after and b.state in ('live', 'condemned') and b.touched_at < @start
          and l.size is distinct from b.size
        order by b.id limit @limit
        """;

    /// <summary>
    /// Blobs from before the listing whose object was not listed, or with another size, a page by id.
    /// </summary>
    public Task<List<BlobRow>> WithoutObjectAsync(
        IBlobStore store, DateTime start, long after, int limit, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<BlobRow>(new(
            SqlWithoutObject, new { store = store.Name, start, after, limit }, commandTimeout: 0,
            cancellationToken: ct))).AsList(), ct);

    private const string SqlForeign = """
        select l.key from store_listing l
        where l.key > @after and l.written_at <= now() - @grace
          and not exists (select from blob_objects o where o.key = l.key)
        order by l.key limit @limit
        """;

    /// <summary>
    /// Objects without a row, older than the grace time, a page by key. A row comes before its object, so an object
    /// that was listed before its row went is the only one to appear here by mistake: it is gone.
    /// </summary>
    public Task<List<string>> ForeignAsync(TimeSpan grace, string after, int limit, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<string>(new(
            SqlForeign, new { grace, after, limit }, commandTimeout: 0, cancellationToken: ct))).AsList(), ct);

    private const string SqlDoomForeign = """
        insert into blob_objects (key, store, doomed_at)
        select @key, @store, now() from installation where epoch = @Epoch and reconciled_epoch >= epoch
        on conflict (key) do nothing returning true
        """;

    /// <summary>
    /// True: the key was nobody's, and nobody can take it any more. False: somebody took it just now, or the
    /// installation is in another epoch.
    /// </summary>
    public Task<bool> DoomForeignAsync(
        IBlobStore store, InstallationState state, string key, CancellationToken ct) =>
        database.WriteAsync(transaction => transaction.Connection!.ExecuteScalarAsync<bool>(new(
            SqlDoomForeign, new { key, store = store.Name, state.Epoch }, transaction, cancellationToken: ct)), ct);
}
