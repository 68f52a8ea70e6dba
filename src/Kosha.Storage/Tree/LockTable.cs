using Dapper;
using Kosha.Storage.Accounts;
using Npgsql;

namespace Kosha.Storage.Tree;

/// <summary>What LOCK gave.</summary>
/// <param name="Lock">The lock.</param>
/// <param name="Created">No node stood there, so an empty file was made (RFC 4918, 7.3).</param>
public sealed record LockResult(NodeLock Lock, bool Created);

/// <summary>
/// WebDAV write locks, rows beside the tree: they outlive a restart and hold on every daemon. Expiry compares with the
/// database's clock, in the query, so that an expired lock is never seen.
/// </summary>
public sealed class LockTable(Database database, NodeTree tree)
{
    /// <summary>Letters of a DAV:owner element.</summary>
    public const int MaxOwnerLength = 1024;

    /// <summary>Locks that one user may hold; requests of one moment may exceed it by their number.</summary>
    public const int MaxLocksPerUser = 5000;

    /// <summary>Locks on one node; only shared ones can be more than one.</summary>
    private const int MaxLocksPerNode = 32;

    /// <summary>Explorer gives up its upload when the lock ends before it.</summary>
    private const int MinTimeoutSeconds = 3600;
    private const int MaxTimeoutSeconds = 86400;

    private const string SqlInsert = """
        delete from locks where user_id = @UserId and expires_at <= now();
        insert into locks (
            token, node_id, user_id, app_password_id, is_exclusive, is_deep, owner, timeout_seconds, expires_at)
        select gen_random_uuid(), @nodeId, @UserId, @AppPasswordId, @IsExclusive, @IsDeep, @Owner, @seconds,
               now() + make_interval(secs => @seconds)
        where (select count(*) from locks where user_id = @UserId) < @MaxLocksPerUser
          and (select count(*) from locks where node_id = @nodeId) < @MaxLocksPerNode
        returning token, node_id, is_exclusive, is_deep, owner, timeout_seconds, expires_at;
        """;

    /// <summary>
    /// Locks a node; a free name becomes an empty file. Faults: ParentMissing; Locked if another lock conflicts, there,
    /// above or (for a deep lock) below; InvalidValue for too long an owner; LimitReached.
    /// </summary>
    public Task<LockResult> LockAsync(
        Caller caller, NodePath path, LockRequest request, WriteConditions conditions, CancellationToken ct)
    {
        caller.RequireWrite();
        if (request.Owner?.Length > MaxOwnerLength)
            throw new StorageException(StorageFault.InvalidValue,
                $"The owner element may have {MaxOwnerLength} letters.");
        return tree.WriteAsync(caller, [path], conditions, async (transaction, places, hold) =>
        {
            var place = places[0];
            NodeTree.RequireExclusive(hold, place.Node);
            place.RequireHttpConditions(conditions);
            await RequireNoConflictAsync(transaction, place, request, ct);
            var node = place.Node;
            if (node is null)
            {
                NodeTree.RequireWritable(place, conditions);
                node = (await tree.PutFileAsync(
                    transaction, caller, place, new FileWrite(), claim: null, size: 0, ct)).Node;
            }
            var held = await InsertAsync(transaction, caller, node, request, ct);
            return new LockResult(held with { Root = path }, Created: place.Node is null);
        }, ct);
    }

    private static async Task RequireNoConflictAsync(
        NpgsqlTransaction transaction, Place place, LockRequest request, CancellationToken ct)
    {
        if (place.ConflictWith(request.IsExclusive) is { } conflict)
            throw Place.Locked(conflict);
        if (!request.IsDeep)
            return;
        var below = await NodeTree.LocksBelowAsync(transaction, place, ct);
        below.RemoveAll(held => !request.IsExclusive && !held.IsExclusive);
        if (below.Count > 0)
            throw await NodeTree.LockedBelowAsync(transaction, place, below, ct);
    }

    private static async Task<NodeLock> InsertAsync(
        NpgsqlTransaction transaction, Caller caller, FileNode node, LockRequest request, CancellationToken ct)
    {
        var parameters = new
        {
            caller.UserId, caller.AppPasswordId, nodeId = node.Id,
            request.IsExclusive, IsDeep = request.IsDeep && node.IsFolder, request.Owner,
            seconds = Clamp(request.TimeoutSeconds), MaxLocksPerUser, MaxLocksPerNode,
        };
        try
        {
            return await transaction.Connection!.QuerySingleOrDefaultAsync<NodeLock>(
                    new(SqlInsert, parameters, transaction, cancellationToken: ct))
                ?? throw new StorageException(
                    StorageFault.LimitReached,
                    $"An account may hold {MaxLocksPerUser} locks, {MaxLocksPerNode} on one file or folder; release "
                    + "some, or wait until they expire.");
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ForeignKeyViolation)
        {
            // The app password was revoked just now, as the next attempt will find.
            throw new LostRaceException();
        }
    }

    private const string SqlRefresh = """
        update locks set timeout_seconds = @seconds, expires_at = now() + make_interval(secs => @seconds)
        where token = @Token and expires_at > now()
        returning token, node_id, is_exclusive, is_deep, owner, timeout_seconds, expires_at
        """;

    /// <summary>
    /// Gives a lock a new life: the one whose token was submitted and that covers the path (RFC 4918, 9.10.2).
    /// Faults: NotFound; ConditionFailed if no submitted token is such a lock's.
    /// </summary>
    public Task<NodeLock> RefreshAsync(
        Caller caller, NodePath path, int timeoutSeconds, WriteConditions conditions, CancellationToken ct) =>
        tree.WriteAsync(caller, [path], conditions, async (transaction, places, hold) =>
        {
            var place = places[0];
            _ = place.Existing;
            var held = conditions.LockTokens.Select(place.CoveringLock).FirstOrDefault(l => l is not null)
                ?? throw Place.Failed("If");
            var parameters = new { held.Token, seconds = Clamp(timeoutSeconds) };
            var refreshed = await transaction.Connection!.QuerySingleOrDefaultAsync<NodeLock>(
                new(SqlRefresh, parameters, transaction, cancellationToken: ct)) ?? throw Place.Failed("If");
            return refreshed with { Root = held.Root };
        }, ct);

    /// <summary>
    /// Gives the caller's locks of these tokens their whole term again, as every write with them does; what is expired
    /// or unknown is passed over, and so is everything when the credential no longer holds.
    /// </summary>
    public Task KeepAsync(Caller caller, IReadOnlyCollection<Guid> tokens, CancellationToken ct) =>
        database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync(new(
            NodeTree.SqlRefreshLocks,
            new
            {
                caller.UserId, caller.CredentialStamp, caller.AppPasswordId, caller.SessionId, caller.RootId,
                caller.ShareLinkId,
                tokens = tokens.ToArray(),
            },
            transaction, cancellationToken: ct)), ct);

    private const string SqlDelete = "delete from locks where token = @token";

    /// <summary>
    /// Ends the lock of this token, which must cover the path (RFC 4918, 9.11). Faults: NotFound, LockTokenUnknown.
    /// </summary>
    public Task UnlockAsync(Caller caller, NodePath path, Guid token, CancellationToken ct) =>
        tree.WriteAsync(caller, [path], WriteConditions.None, async (transaction, places, hold) =>
        {
            var place = places[0];
            _ = place.Existing;
            if (place.CoveringLock(token) is null)
                throw new StorageException(StorageFault.LockTokenUnknown,
                    $"The token names no lock that covers {path}.");
            if (await transaction.Connection!.ExecuteAsync(
                new(SqlDelete, new { token }, transaction, cancellationToken: ct)) == 0)
                throw new LostRaceException();
            return true;
        }, ct);

    private const string SqlListInFolder = """
        select n.name, l.token, l.node_id, l.is_exclusive, l.is_deep, l.owner, l.timeout_seconds, l.expires_at
        from locks l join file_nodes n on n.id = l.node_id
        where l.user_id = @UserId and l.expires_at > now() and n.parent_id = @folderId
        """;

    private sealed record MemberName(string Name);

    /// <summary>The members' own locks in one folder, at most <see cref="MaxLocksPerUser"/>. One statement.</summary>
    public Task<IReadOnlyList<NodeLock>> ListInFolderAsync(
        Caller caller, long folderId, NodePath folder, CancellationToken ct) =>
        database.ReadAsync<IReadOnlyList<NodeLock>>(async connection =>
            (await connection.QueryAsync<MemberName, NodeLock, NodeLock>(
                new(SqlListInFolder, new { caller.UserId, folderId }, cancellationToken: ct),
                (member, held) => held with { Root = folder.Append(member.Name) }, splitOn: "token")).AsList(), ct);

    private static int Clamp(int seconds) => Math.Clamp(seconds, MinTimeoutSeconds, MaxTimeoutSeconds);
}
