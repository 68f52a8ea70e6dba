using Dapper;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;
using Kosha.Storage.Blobs;
using Kosha.Storage.Webhooks;
using Npgsql;

namespace Kosha.Storage.Tree;

/// <summary>What PROPPATCH changes on one node, all or nothing.</summary>
/// <param name="Dead">"{namespace}name" and the element's XML; null XML removes the property.</param>
/// <param name="ModifiedAt">The new modification time (UTC), if the client sets it.</param>
/// <param name="CreatedAt">The new creation time (UTC), if the client sets it.</param>
public sealed record PropertyChanges(
    IReadOnlyList<KeyValuePair<string, string?>> Dead, DateTime? ModifiedAt, DateTime? CreatedAt);

/// <summary>A node and the locks that cover it, its own and those inherited from deep locks above.</summary>
public sealed record LockedNode(FileNode? Node, IReadOnlyList<NodeLock> Locks);

public sealed partial class NodeTree
{
    /// <summary>Bytes of a node's dead properties in all, names and XML together.</summary>
    public const int MaxPropertiesBytes = 65536;

    private const string SqlCreateRoot = """
        insert into file_nodes (user_id, name, name_folded, is_folder) values (@userId, '', '', true)
        """;

    /// <summary>The root of a new user.</summary>
    internal static Task CreateRootAsync(NpgsqlTransaction transaction, long userId, CancellationToken ct) =>
        transaction.Connection!.ExecuteAsync(new(SqlCreateRoot, new { userId }, transaction, cancellationToken: ct));

    private const string SqlCreateFolder = $"""
        insert into file_nodes as n (user_id, parent_id, name, name_folded, is_folder)
        values (@UserId, @folderId, @Name, @folded, true)
        on conflict (parent_id, name) do nothing returning {Columns}
        """;

    /// <summary>Makes one folder. Faults: ParentMissing, AlreadyExists, QuotaExceeded, RootIsFixed.</summary>
    public Task<FileNode> CreateFolderAsync(
        Caller caller, NodePath path, WriteConditions conditions, CancellationToken ct) =>
        WriteAsync(caller, [path], conditions, (transaction, places, _) =>
            CreateFolderAsync(transaction, caller, places[0], conditions, ct), ct);

    /// <summary>The same within a transaction.</summary>
    private async Task<FileNode> CreateFolderAsync(
        NpgsqlTransaction transaction, Caller caller, Place place, WriteConditions conditions, CancellationToken ct)
    {
        if (place.Node is not null)
            throw AlreadyExists($"{place.Path} exists already.", place.Node);
        var (folderId, name) = (place.Folder.Id, place.Path.Name);
        place.RequireHttpConditions(conditions);
        place.RequireTokensForName(conditions);
        var node = await transaction.Connection!.QuerySingleOrDefaultAsync<FileNode>(new(
            SqlCreateFolder, new { caller.UserId, folderId, name, folded = NodePath.Fold(name) },
            transaction, cancellationToken: ct)) ?? throw new LostRaceException();
        await ChargeAsync(transaction, caller.UserId, bytes: 0, nodes: 1, reserved: 0, ct);
        await TellEventsAsync(transaction, place, WebhookEvents.FileCreated, [node.Id], ct);
        return node;
    }

    private static StorageException AlreadyExists(string message, params IReadOnlyList<FileNode> existing) =>
        new(StorageFault.AlreadyExists, message) { Existing = existing };

    // Files -----------------------------------------------------------------------------------------------------------

    private const string SqlCreateFile = $"""
        insert into file_nodes as n (
            user_id, parent_id, name, name_folded, is_folder, blob_id, size, content_type,
            modified_at, modified_by_client)
        values (
            @UserId, @folderId, @Name, @folded, false, @BlobId, @size, @ContentType,
            coalesce(@ModifiedAt, now()), @ModifiedAt::timestamptz is not null)
        on conflict (parent_id, name) do nothing returning {Columns};
        """;

    private const string BlobKey = "file_nodes_blob_id_fkey";

    private const string SqlOverwriteFile = $"""
        update file_nodes n set
            blob_id = @BlobId, size = @size, etag = gen_random_uuid(), content_type = @ContentType,
            modified_at = coalesce(@ModifiedAt, now()),
            -- Two contents within one second have one date, which then tells them apart no more.
            modified_by_client = @ModifiedAt::timestamptz is not null
                or date_trunc('second', n.modified_at) = date_trunc('second', now())
        where n.id = @nodeId returning {Columns};
        """;

    /// <summary>
    /// The final transaction of a PUT: finds the place anew, judges path, conditions, locks and quota, names the
    /// content and makes its blob live. Faults: those of the place, QuotaExceeded; and <see cref="BlobGoneException"/>,
    /// after which the content must be stored again.
    /// </summary>
    /// <param name="claim">The stored content; null for an empty file.</param>
    internal Task<WriteResult> NameAsync(
        Caller caller, NodePath path, FileWrite write, BlobClaim? claim, long size, CancellationToken ct) =>
        WriteAsync(caller, [path], write.Conditions, async (transaction, places, hold) =>
        {
            var place = write.IsBeside ? await BesideAsync(transaction, places[0], hold, ct) : places[0];
            RequireWritable(place, write.Conditions);
            return await PutFileAsync(transaction, caller, place, write, claim, size, ct);
        }, ct);

    /// <summary>
    /// The same within a transaction that has judged the place. What is asked <paramref name="also"/> sees the file.
    /// </summary>
    internal async Task<WriteResult> PutFileAsync(
        NpgsqlTransaction transaction, Caller caller, Place place, FileWrite write, BlobClaim? claim, long size,
        CancellationToken ct, Question? also = null)
    {
        var old = place.Node;
        var keeps = old is not null && IsKept(old, claim?.BlobId);
        var sql = (claim is null ? "" : BlobTable.SqlName(claim.Kind))
            + (old is null ? SqlCreateFile : keeps ? SqlOverwriteFile + SqlKeepVersion : SqlOverwriteFile)
            + UsageTable.SqlCharge + also?.Sql;
        var parameters = new
        {
            caller.UserId, folderId = place.Folder.Id, nodeId = old?.Id,
            place.Path.Name, folded = NodePath.Fold(place.Path.Name),
            claim?.BlobId, claim?.Key, claim?.MustStore, size, write.ContentType, write.ModifiedAt,
            // Of the types that every other use of SqlCharge has, or the driver would not prepare it.
            bytes = size - (old?.Size ?? 0), nodes = old is null ? 1L : 0L,
            reserved = write.ReservedBytes,
            oldBlobId = old?.BlobId, oldSize = old?.Size ?? 0, oldEtag = old?.Etag, oldType = old?.ContentType,
            oldModifiedAt = old?.ModifiedAt, tokens = place.CoveringTokens(write.Conditions), isSwap = false,
            MaxVersions,
        };
        var (node, isCharged) = await NameAsync(
            new(sql, also?.With(parameters) ?? (object)parameters, transaction, cancellationToken: ct), claim, also);
        if (!isCharged && !MayFree(caller))
            throw UsageTable.Exceeded(parameters.bytes - parameters.reserved);
        if (!isCharged)
            await FreeAndChargeAsync(
                transaction, caller.UserId, parameters.bytes, parameters.nodes, parameters.reserved, ct);
        await TellEventsAsync(
            transaction, place, old is null ? WebhookEvents.FileCreated : WebhookEvents.FileUpdated, [node.Id], ct);
        Steps.Reached(Steps.Naming, claim?.Key);
        return new(node, Created: old is null);
    }

    /// <returns>The file, and whether the plan had room for it.</returns>
    private static async Task<(FileNode Node, bool IsCharged)> NameAsync(
        CommandDefinition command, BlobClaim? claim, Question? also)
    {
        try
        {
            await using var results = await command.Transaction!.Connection!.QueryMultipleAsync(command);
            if (claim is not null && !await results.ReadSingleAsync<bool>())
                throw new BlobGoneException();
            var node = await results.ReadSingleOrDefaultAsync<FileNode>() ?? throw new LostRaceException();
            var isCharged = await results.ReadSingleOrDefaultAsync<bool?>() is not null;
            if (also is not null)
                await also.ReadAsync(results);
            return (node, isCharged);
        }
        catch (PostgresException e)
            when (e is { SqlState: PostgresErrorCodes.ForeignKeyViolation, ConstraintName: BlobKey })
        {
            throw new BlobGoneException();
        }
    }

    /// <summary>Whether a file may be written here at all.</summary>
    internal static void RequireWritable(Place place, WriteConditions conditions)
    {
        _ = place.Folder;
        if (place.Node is { IsFolder: true })
            throw new StorageException(StorageFault.WrongKind,
                $"{place.Path} is a folder; a file cannot take its place.");
        place.RequireHttpConditions(conditions);
        if (place.Node is null)
            place.RequireTokensForName(conditions);
        else
            place.RequireTokenForContent(conditions);
    }

    // Trash -----------------------------------------------------------------------------------------------------------

    private const string SqlTrash = """
        update file_nodes set trashed_at = now(), original_parent_id = parent_id, parent_id = null
        where id = any(@nodeIds)
        """;

    /// <summary>
    /// Takes a node out of the tree with whatever hangs below: one row, restorable until the plan's days are over. The
    /// locks below end. Faults: NotFound, RootIsFixed.
    /// </summary>
    public Task TrashAsync(Caller caller, NodePath path, WriteConditions conditions, CancellationToken ct) =>
        WriteAsync(caller, [path], conditions, async (transaction, places, hold) =>
        {
            RequireExclusive(hold, places[0].Node);
            await TrashAsync(transaction, caller, places[..1], conditions, ct);
            return true;
        }, ct);

    /// <summary>
    /// The same within a transaction that holds what it needs, of any number of places that do not lie one in another.
    /// </summary>
    private static async Task TrashAsync(
        NpgsqlTransaction transaction, Caller caller, Place[] places, WriteConditions conditions,
        CancellationToken ct)
    {
        var below = await LocksBelowAsync(transaction, places, ct);
        foreach (var place in places)
            await RequireRemovableAsync(transaction, place, below, conditions, ct);
        await TrashNodesAsync(transaction, Array.ConvertAll(places, place => place.Existing), ct);
        await TellAsync(transaction, new(AuditActions.Trash, caller), places, ct);
        await TellTrashedAsync(transaction, places, ct);
    }

    /// <summary>Tells of nodes at these places, as they stood there. One statement.</summary>
    private static Task TellAsync(
        NpgsqlTransaction transaction, AuditEntry entry, IEnumerable<Place> places, CancellationToken ct) =>
        AuditTable.AddAsync(
            transaction, entry, [.. places.Select(place => ((long?)place.Existing.Id, (string?)$"{place.Path}"))], ct);

    private static async Task RequireRemovableAsync(
        NpgsqlTransaction transaction, Place place, ILookup<long, NodeLock> below, WriteConditions conditions,
        CancellationToken ct)
    {
        if (!place.Path.IsRoot)
            _ = place.Existing;
        _ = place.Folder;
        place.RequireHttpConditions(conditions);
        place.RequireTokensForName(conditions);
        await RequireTokensBelowAsync(transaction, place, below, conditions, ct);
    }

    private static async Task TrashNodesAsync(
        NpgsqlTransaction transaction, IReadOnlyList<FileNode> nodes, CancellationToken ct)
    {
        if (nodes.Count == 0)
            return;
        await DeleteLocksAsync(transaction, nodes, ct);
        var nodeIds = nodes.Select(node => node.Id).ToArray();
        await transaction.Connection!.ExecuteAsync(new(SqlTrash, new { nodeIds }, transaction, cancellationToken: ct));
    }

    // Properties ------------------------------------------------------------------------------------------------------

    private const string SqlChangeProperties = """
        update file_nodes set
            properties = nullif((coalesce(properties, '{}'::jsonb) - @removed) || @added::jsonb, '{}'::jsonb),
            modified_at = coalesce(@ModifiedAt, modified_at),
            modified_by_client = modified_by_client or @ModifiedAt::timestamptz is not null,
            created_at = coalesce(@CreatedAt, created_at)
        where id = @Id
        returning coalesce(octet_length(properties::text), 0)
        """;

    /// <summary>
    /// Changes properties of one node, all or nothing. Faults: NotFound; LimitReached beyond
    /// <see cref="MaxPropertiesBytes"/>.
    /// </summary>
    /// <returns>Whether the node is a folder.</returns>
    public Task<bool> ChangePropertiesAsync(
        Caller caller, NodePath path, PropertyChanges changes, WriteConditions conditions, CancellationToken ct) =>
        WriteAsync(caller, [path], conditions, async (transaction, places, _) =>
        {
            var node = places[0].Existing;
            places[0].RequireHttpConditions(conditions);
            places[0].RequireTokenForContent(conditions);
            // The last word on a name counts.
            var last = new Dictionary<string, string?>(changes.Dead.Count, StringComparer.Ordinal);
            foreach (var (name, xml) in changes.Dead)
                last[name] = xml;
            var parameters = new
            {
                node.Id, changes.ModifiedAt, changes.CreatedAt,
                removed = last.Where(p => p.Value is null).Select(p => p.Key).ToArray(),
                added = System.Text.Json.JsonSerializer.Serialize(last.Where(p => p.Value is not null).ToDictionary()),
            };
            var bytes = await transaction.Connection!.ExecuteScalarAsync<int>(
                new(SqlChangeProperties, parameters, transaction, cancellationToken: ct));
            if (bytes > MaxPropertiesBytes)
                throw new StorageException(StorageFault.LimitReached,
                    $"The properties of one file or folder may take {MaxPropertiesBytes} bytes.");
            return node.IsFolder;
        }, ct);
}
