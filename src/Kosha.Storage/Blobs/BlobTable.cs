using Dapper;
using Kosha.Storage.Accounts;

namespace Kosha.Storage.Blobs;

/// <summary>What a claim found, and so how the content is named in the end.</summary>
internal enum ClaimKind
{
    /// <summary>A live row proves that the bytes are there.</summary>
    Live,

    /// <summary>So does a condemned one, which must be acquitted.</summary>
    Condemned,

    /// <summary>The bytes must be put first: a new row, somebody else's unfinished one, or one not trusted.</summary>
    Store,

    /// <summary>The bytes are damaged: they must be put under a new key.</summary>
    Heal,
}

/// <summary>The row that a content has, or now has, and what must happen before it may be named.</summary>
/// <param name="BlobId">The row.</param>
/// <param name="Key">Where its bytes are, or must be put.</param>
/// <param name="Kind">What was found.</param>
internal sealed record BlobClaim(long BlobId, string Key, ClaimKind Kind)
{
    /// <summary>The bytes are not known to be there: put them first.</summary>
    public bool MustStore => Kind is ClaimKind.Store or ClaimKind.Heal;
}

/// <summary>
/// The blob's row went away between claim and name; claim and store again. The spool is still in hand.
/// </summary>
internal sealed class BlobGoneException : Exception;

/// <summary>
/// Blobs and their objects' keys: <c>storing → live → condemned</c>, and <c>damaged</c>. A key has its row from before
/// its first byte; only a live or condemned row proves that the bytes are there.
/// </summary>
internal sealed partial class BlobTable(Database database)
{
    private const int MaxGenerations = 1000;

    private const string SqlClaim = """
        with found as (
            select id, state, object_key from blobs where sha256 = @sha256
        ), reserved as (
            insert into blob_objects (key, store) select @key, @store where not exists (select from found)
            on conflict (key) do nothing returning key
        ), made as (
            insert into blobs (sha256, size, sha1, md5, state, object_key)
            select @sha256, @size, @sha1, @md5, 'storing', key from reserved
            on conflict (sha256) do nothing returning id, state, object_key
        )
        select b.id, b.state, b.object_key, i.reconciled_epoch >= i.epoch as is_trusted,
               coalesce(o.store, @store) as store
        from (select id, state, object_key from found union all select id, state, object_key from made) b
        left join blob_objects o on o.key = b.object_key
        cross join installation i
        """;

    private sealed record Row(long Id, string State, string ObjectKey, bool IsTrusted, string Store);

    /// <summary>
    /// Finds the row of a content, or commits a new one as <c>storing</c>. Usually one round trip. A doomed key is
    /// passed over: the content gets the next generation's.
    /// </summary>
    public async Task<BlobClaim> ClaimAsync(BlobContent content, IBlobStore store, CancellationToken ct)
    {
        for (var generation = 1; generation <= MaxGenerations; generation++)
        {
            var key = store.Key(content.Sha256, generation);
            var parameters = new
            {
                sha256 = content.Sha256.Bytes, size = content.Size, content.Sha1, content.Md5, key, store = store.Name,
            };
            // A racing claim of the same content leaves this statement empty-handed; the row shows at the second look.
            for (var look = 0; look < 2; look++)
            {
                var row = await database.ReadAsync(connection =>
                    connection.QuerySingleOrDefaultAsync<Row>(new(SqlClaim, parameters, cancellationToken: ct)), ct);
                if (row is not null)
                    return await ClaimOfAsync(row, content.Sha256, store, ct);
            }
        }
        throw new StorageException(StorageFault.LimitReached,
            "This content was stored and removed too often in a short time.");
    }

    private async Task<BlobClaim> ClaimOfAsync(Row row, BlobId id, IBlobStore store, CancellationToken ct) =>
        ClaimOf(row, store) ?? new(row.Id, await ReserveNewKeyAsync(id, store, ct), ClaimKind.Heal);

    /// <summary>
    /// After a restore no row proves that its bytes are there: the same bytes are put once more. Null: they are
    /// damaged, and need a new key.
    /// </summary>
    private static BlobClaim? ClaimOf(Row row, IBlobStore store) => row.State switch
    {
        // Two daemons with one database and two stores, which no start can rule out: the row proves nothing here.
        _ when row.Store != store.Name => throw new StorageException(StorageFault.Unavailable,
            $"This content is in a store of the kind '{row.Store}', and this daemon uses '{store.Name}'. Nothing was "
            + "changed."),
        "damaged" => null,
        "storing" => new(row.Id, row.ObjectKey, ClaimKind.Store),
        _ when !row.IsTrusted => new(row.Id, row.ObjectKey, ClaimKind.Store),
        "condemned" => new(row.Id, row.ObjectKey, ClaimKind.Condemned),
        _ => new(row.Id, row.ObjectKey, ClaimKind.Live),
    };

    private const string SqlFindOwn = $"""
        select b.id, b.state, b.object_key, i.reconciled_epoch >= i.epoch as is_trusted, o.store
        from users u
        cross join lateral (
            select b.id, b.state, b.object_key from blobs b
            where b.sha256 = @sha256 and b.size = @size and b.state in ('live', 'condemned') limit 1) b
        cross join lateral (select o.store from blob_objects o where o.key = b.object_key limit 1) o
        cross join installation i
        where @RootId::bigint is null and {Caller.Holds}
          and (exists (select from file_nodes n where n.blob_id = b.id and n.user_id = u.id offset 0)
               or exists (select from versions v where v.blob_id = b.id and v.user_id = u.id offset 0));
        """;

    /// <summary>
    /// Asks for the row of a content that a file of the caller's, in the trash perhaps, has or had, and of which the
    /// bytes are there; null: there is none. What it travels with says who the caller is. Nobody else's counts; and who
    /// reaches a folder alone is never told, for the file may lie elsewhere.
    /// </summary>
    public static Question AskOwn(BlobId sha256, long size, IBlobStore store, Action<BlobClaim?> answer) =>
        new(SqlFindOwn, new { sha256 = sha256.Bytes, size }, async results =>
        {
            var row = await results.ReadSingleOrDefaultAsync<Row>();
            answer(row is not null && ClaimOf(row, store) is { MustStore: false } claim ? claim : null);
        });

    private const string SqlReserveKey = """
        insert into blob_objects (key, store) values (@key, @store) on conflict (key) do nothing returning key
        """;

    private async Task<string> ReserveNewKeyAsync(BlobId id, IBlobStore store, CancellationToken ct)
    {
        for (var generation = 2; generation <= MaxGenerations; generation++)
        {
            var parameters = new { key = store.Key(id, generation), store = store.Name };
            var key = await database.ReadAsync(connection =>
                connection.QuerySingleOrDefaultAsync<string>(
                    new(SqlReserveKey, parameters, cancellationToken: ct)), ct);
            if (key is not null)
                return key;
        }
        throw new StorageException(StorageFault.LimitReached, "This content was damaged and healed too often.");
    }

    // Naming ----------------------------------------------------------------------------------------------------------

    /// <summary>What was found damaged since then has other bytes, and must not become live.</summary>
    private const string SqlAcquitBlob = """
        update blobs set state = 'live', condemned_at = null, touched_at = now()
        where id = @BlobId and object_key = @Key and state = 'condemned';
        """;

    /// <summary>
    /// The bytes were put. A row that was live all the time is written, too: a check that missed the bytes before must
    /// not mark it as damaged after.
    /// </summary>
    private const string SqlMakeStored = """
        update blobs set state = 'live', condemned_at = null, touched_at = now()
        where id = @BlobId and object_key = @Key and state <> 'damaged';
        """;

    /// <summary>
    /// The damaged blob gets its new key, and the old one is doomed; so is the new one where another writer was first.
    /// </summary>
    private const string SqlHeal = """
        with old as (
            -- Not "for update": who names the same content without a claim (COPY) holds the key share already.
            select id, object_key from blobs where id = @BlobId and state = 'damaged' for no key update
        ), healed as (
            update blobs b set state = 'live', condemned_at = null, object_key = @Key, touched_at = now()
            from old where b.id = old.id and exists (
                -- Nor may the sweep doom the new key, which no blob names yet.
                select from blob_objects where key = @Key and doomed_at is null for share)
            returning b.id
        )
        update blob_objects set doomed_at = now() where key in (select object_key from old join healed using (id));
        update blob_objects set doomed_at = now()
        where key = @Key and doomed_at is null and not exists (select from blobs where object_key = @Key);
        """;

    /// <summary>A statement of its own: it sees what was committed while the others waited.</summary>
    private const string SqlIsLive = """
        select exists (select from blobs where id = @BlobId and state = 'live')
           and (@MustStore or (select reconciled_epoch >= epoch from installation));
        """;

    /// <summary>
    /// Part of the naming transaction, before the node's row: its foreign key shares the blob's row, and two who share
    /// it could not both go on to change it. Anything but true: the blob changed since it was claimed, and must be
    /// claimed again. A live row, perhaps in use by many, is not written unless its bytes were put.
    /// </summary>
    internal static string SqlName(ClaimKind kind) => kind switch
    {
        ClaimKind.Live => SqlIsLive,
        ClaimKind.Condemned => SqlAcquitBlob + SqlIsLive,
        ClaimKind.Heal => SqlHeal + SqlIsLive,
        _ => SqlMakeStored + SqlIsLive,
    };
}
