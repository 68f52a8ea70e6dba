using Dapper;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;
using Kosha.Storage.Webhooks;
using Npgsql;

namespace Kosha.Storage.Tree;

/// <summary>
/// Versions: whoever writes over a file leaves its old content as one, for the days of the plan. They hang on the
/// file's id, wherever it is moved.
/// </summary>
public sealed partial class NodeTree
{
    /// <summary>Of one file; the oldest goes first.</summary>
    public const int MaxVersions = 100;

    /// <summary>Nothing is kept of an empty content, nor of the same.</summary>
    private static bool IsKept(FileNode old, long? blobId) => old.BlobId is not null && old.BlobId != blobId;

    /// <summary>
    /// Part of a transaction that has just written over a file, before the usage is charged with <c>@bytes</c>: keeps
    /// the old content and charges it, where the plan has room for it beside the new one, and unless the last one was
    /// kept under the writer's lock: then the old content is the writer's own, of the same session. Who shares a lock
    /// finds that of another there. A swap (<c>@isSwap</c>) has freed that room itself. What is too many goes.
    /// </summary>
    private const string SqlKeepVersion = """
        with room as (
            select g.user_id from blobs b cross join usage g
            join users a on a.id = g.user_id join plans p on p.id = a.plan_id
            where b.id = @oldBlobId and g.user_id = @UserId and (p.version_days is null or p.version_days > 0)
              and (@isSwap or p.max_bytes is null
                   or g.bytes + g.reserved_bytes + @bytes - @reserved + @oldSize <= p.max_bytes)
              and ((
                  select v.kept_under from versions v where v.node_id = @nodeId
                  order by v.created_at desc, v.id desc limit 1) = any(@tokens::uuid[])) is not true
            -- In the order in which all lock: the foreign key would lock the blob's row after that of the usage.
            for key share of b for update of g
        ), kept as (
            insert into versions (
                node_id, user_id, blob_id, size, etag, content_type, modified_at, kept_under)
            select @nodeId, r.user_id, @oldBlobId, @oldSize, @oldEtag, @oldType, @oldModifiedAt, (@tokens::uuid[])[1]
            from room r
            returning size
        ), dropped as (
            delete from versions d where d.id = any(array(
                select v.id from versions v where v.node_id = @nodeId order by v.created_at desc, v.id desc
                offset @MaxVersions - (select count(*) from kept)))
            returning d.size
        ), changed as (
            select (coalesce((select sum(size) from kept), 0) - coalesce((select sum(size) from dropped), 0))::bigint
                as bytes
        )
        update usage u set bytes = u.bytes + c.bytes from changed c where u.user_id = @UserId and c.bytes <> 0;
        """;

    /// <summary>A moved file brings its versions to the one whose place it takes.</summary>
    private const string SqlTakeVersions = """
        update versions set node_id = @targetId where node_id = @sourceId;
        with dropped as (
            delete from versions d where d.id = any(array(
                select v.id from versions v where v.node_id = @targetId order by v.created_at desc, v.id desc
                offset @MaxVersions))
            returning d.size
        ), changed as (
            select coalesce(sum(size), 0)::bigint as bytes from dropped
        )
        update usage u set bytes = u.bytes - c.bytes from changed c where u.user_id = @UserId and c.bytes > 0;
        """;

    // Reading ---------------------------------------------------------------------------------------------------------

    private const string SqlVersions = $"""
        select v.id, v.node_id, v.size, v.etag, v.content_type, v.modified_at, v.created_at
        from versions v
        where v.node_id = @folderId and (select {IsLive})
        order by v.created_at desc, v.id desc limit @MaxVersions;
        """;

    /// <summary>
    /// The versions of a live file, the newest first; a folder has none. One round trip. Fault: NotFound.
    /// </summary>
    public async Task<IReadOnlyList<FileVersion>> VersionsAsync(Caller caller, long nodeId, CancellationToken ct)
    {
        var parameters = caller.With(new { folderId = nodeId, MaxVersions });
        var (versions, isLive) = await database.ReadAsync(async connection =>
        {
            await using var results = await connection.QueryMultipleAsync(
                new(SqlVersions + SqlIsLive, parameters, cancellationToken: ct));
            return ((await results.ReadAsync<FileVersion>()).AsList(), await results.ReadSingleAsync<bool>());
        }, ct);
        return isLive ? versions : throw await MissingAsync(caller, ct);
    }

    private const string SqlFindVersion = $"""
        select n.id, n.user_id, n.parent_id, n.name, n.is_folder, v.size, v.etag, v.content_type, n.created_at,
               v.modified_at, true as modified_by_client, v.blob_id, b.object_key, b.sha1, b.md5,
               b.state = 'damaged' as is_damaged
        from versions v
        cross join lateral (select f.* from file_nodes f where f.id = v.node_id limit 1) n
        cross join lateral (select o.* from blobs o where o.id = v.blob_id limit 1) b
        where v.id = @versionId and v.node_id = @folderId and (select {IsLive})
        """;

    /// <summary>
    /// A live file as it was, with what a GET needs to read that; null: there is no such version. One statement.
    /// </summary>
    public async Task<FileNode?> FindVersionAsync(Caller caller, long nodeId, long versionId, CancellationToken ct)
    {
        var parameters = caller.With(new { folderId = nodeId, versionId });
        var found = await database.ReadAsync(connection => connection.QuerySingleOrDefaultAsync<FileNode?>(
            new(SqlFindVersion, parameters, cancellationToken: ct)), ct);
        if (found is null)
            await MissingAsync(caller, ct);
        return found;
    }

    // Writing ---------------------------------------------------------------------------------------------------------

    private const string SqlTakeVersion = """
        delete from versions v where v.id = @versionId and v.node_id = @nodeId
        returning v.blob_id, v.size, v.content_type, v.modified_at;
        """;

    private const string SqlRestoreVersion = $"""
        update file_nodes n set
            blob_id = @BlobId, size = @Size, etag = gen_random_uuid(), content_type = @ContentType,
            modified_at = @ModifiedAt, modified_by_client = true
        where n.id = @nodeId returning {Columns};
        """;

    private sealed record TakenVersion(long BlobId, long Size, string? ContentType, DateTime ModifiedAt);

    /// <summary>
    /// A live file gets the content of one of its versions again, with the time that it had then, and what it has now
    /// becomes a version in its stead, unless the plan keeps none. The sum of both stays, so the plan has room for it.
    /// Fault: NotFound.
    /// </summary>
    public Task<FileNode> RestoreVersionAsync(
        Caller caller, long nodeId, long versionId, WriteConditions conditions, CancellationToken ct) =>
        WriteFileAsync(caller, nodeId, conditions, async (transaction, place) =>
        {
            place.RequireHttpConditions(conditions);
            place.RequireTokenForContent(conditions);
            var connection = transaction.Connection!;
            var version = await connection.QuerySingleOrDefaultAsync<TakenVersion>(new(
                SqlTakeVersion, new { versionId, nodeId }, transaction, cancellationToken: ct))
                ?? throw NoSuchVersion();
            await TellAsync(transaction, new(AuditActions.VersionRestore, caller), [place], ct);
            var node = await SwapAsync(transaction, place.Existing, version, ct);
            await TellEventsAsync(transaction, place, WebhookEvents.FileUpdated, [nodeId], ct);
            return node;
        }, ct);

    private static async Task<FileNode> SwapAsync(
        NpgsqlTransaction transaction, FileNode old, TakenVersion version, CancellationToken ct)
    {
        var isKept = IsKept(old, version.BlobId);
        var sql = SqlRestoreVersion + (isKept ? SqlKeepVersion : "") + UsageTable.SqlCharge;
        // The version's bytes are the file's now, and the file's were free for what is kept.
        var parameters = new
        {
            old.UserId, nodeId = old.Id, version.BlobId, version.Size, version.ContentType, version.ModifiedAt,
            bytes = -old.Size, nodes = 0L, reserved = 0L,
            oldBlobId = old.BlobId, oldSize = old.Size, oldEtag = old.Etag, oldType = old.ContentType,
            oldModifiedAt = old.ModifiedAt, tokens = Array.Empty<Guid>(), isSwap = true, MaxVersions,
        };
        await using var results = await transaction.Connection!.QueryMultipleAsync(
            new(sql, parameters, transaction, cancellationToken: ct));
        var node = await results.ReadSingleAsync<FileNode>();
        if (await results.ReadSingleOrDefaultAsync<bool?>() is null)
            throw UsageTable.Exceeded(parameters.bytes);
        return node;
    }

    private const string SqlDeleteVersion =
        "delete from versions where id = @versionId and node_id = @nodeId returning size";

    /// <summary>Removes a version of a live file for good. Fault: NotFound.</summary>
    public Task DeleteVersionAsync(Caller caller, long nodeId, long versionId, CancellationToken ct) =>
        WriteFileAsync(caller, nodeId, WriteConditions.None, async (transaction, place) =>
        {
            var size = await transaction.Connection!.ExecuteScalarAsync<long?>(new(
                SqlDeleteVersion, new { versionId, nodeId }, transaction, cancellationToken: ct))
                ?? throw NoSuchVersion();
            await TellAsync(transaction, new(AuditActions.VersionDelete, caller), [place], ct);
            await UsageTable.ChargeAsync(transaction, caller.UserId, -size, nodes: 0, ct);
            return true;
        }, ct);

    private static StorageException NoSuchVersion() => new(StorageFault.NotFound, "There is no such version.");

    /// <summary>A write of a live node that came by its id, at the place where it stands now. Fault: NotFound.
    /// </summary>
    private Task<T> WriteFileAsync<T>(
        Caller caller, long nodeId, WriteConditions conditions,
        Func<NpgsqlTransaction, Place, Task<T>> work, CancellationToken ct) =>
        ResolvedAsync(async () =>
        {
            var path = await PathAsync(caller, nodeId, ct);
            return await WriteAsync(caller, [path], conditions, (transaction, places, _) =>
                places[0].Node?.Id == nodeId ? work(transaction, places[0]) : throw new MovedAwayException(), ct);
        });

    // Expiry ----------------------------------------------------------------------------------------------------------

    /// <summary>As of the trash: more days than a hundred years have are as good as for ever.</summary>
    private const string DueVersions = "v.created_at <= now() - make_interval(days => least(p.version_days, 36500))";

    private const string SqlUsersWithDueVersions = $"""
        select u.id from users u join plans p on p.id = u.plan_id
        where u.id > @after and p.version_days is not null
          and exists (select from versions v where v.user_id = u.id and {DueVersions} offset 0)
        order by u.id limit @limit
        """;

    /// <summary>Users with versions that are older than their plan keeps them, a page by id.</summary>
    internal Task<List<long>> UsersWithDueVersionsAsync(long after, int limit, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<long>(
            new(SqlUsersWithDueVersions, new { after, limit }, commandTimeout: 0, cancellationToken: ct))).AsList(),
            ct);

    private const string SqlRemoveDueVersions = $"""
        with gone as (
            delete from versions d where d.id = any(array(
                select v.id from versions v
                join users u on u.id = v.user_id join plans p on p.id = u.plan_id
                where v.user_id = @userId and {DueVersions} order by v.created_at limit @limit
                -- Who restores one has its row before that of the usage: it is not waited for.
                for update of v skip locked))
            returning d.size
        )
        select count(*) as versions, coalesce(sum(size), 0)::bigint as bytes from gone
        """;

    /// <summary>
    /// Removes some of a user's versions whose days are over, beside the user's writes; fewer than the limit: all.
    /// Null: a folder of the user's is just changed as a whole, which is not waited for.
    /// </summary>
    internal Task<RemovedVersions?> RemoveDueVersionsAsync(long userId, int limit, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            if (!await TryAsync(transaction, SqlTryBeside, userId, ct))
                return null;
            await UsageTable.LockAsync(transaction, userId, ct);
            var gone = await transaction.Connection!.QuerySingleAsync<RemovedVersions>(new(
                SqlRemoveDueVersions, new { userId, limit }, transaction, commandTimeout: 0, cancellationToken: ct));
            await UsageTable.ChargeAsync(transaction, userId, -gone.Bytes, nodes: 0, ct);
            return gone;
        }, ct);
}

/// <summary>What one step of the expiry of versions removed.</summary>
/// <param name="Versions">How many.</param>
/// <param name="Bytes">Their sizes, together.</param>
internal sealed record RemovedVersions(long Versions, long Bytes);
