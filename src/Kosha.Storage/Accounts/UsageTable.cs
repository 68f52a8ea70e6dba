using Dapper;
using Kosha.Storage.Tree;
using Npgsql;

namespace Kosha.Storage.Accounts;

/// <summary>A user's storage in bytes.</summary>
/// <param name="UsedBytes">Bytes of the user's files, trash and versions included, and what open uploads reserve.
/// </param>
/// <param name="AvailableBytes">What may still be written; null: the plan has no limit.</param>
public sealed record Quota(long UsedBytes, long? AvailableBytes);

/// <summary>What a user's storage is made of, and what the plan allows. Null is unlimited.</summary>
public sealed record UsageDetails
{
    /// <summary>Of files, trash and versions, at their own sizes.</summary>
    public long Bytes { get; init; }

    /// <summary>The part of it that versions are.</summary>
    public long VersionBytes { get; init; }

    /// <summary>Beside it, what open uploads reserve.</summary>
    public long ReservedBytes { get; init; }

    /// <summary>Files and folders, the trash included.</summary>
    public long Nodes { get; init; }

    /// <summary>Without the number of its users.</summary>
    public PlanRow Plan { get; init; } = new();
}

/// <summary>What the plan leaves now; null means no limit.</summary>
internal sealed record Room(
    long UsedBytes, long? FreeBytes, long? FreeNodes, long? MaxFileBytes, int? MaxOpenUploads);

/// <summary>
/// One row a user: what the user's nodes and their versions take. Changed only in the transaction that changes them.
/// </summary>
public sealed class UsageTable(Database database)
{
    internal const string SqlRoom = $"""
        select g.bytes + g.reserved_bytes as used_bytes,
               -- Without a limit this must stay null, which greatest would pass over.
               case when p.max_bytes is not null then greatest(p.max_bytes - g.bytes - g.reserved_bytes, 0) end
                   as free_bytes,
               p.max_nodes - g.nodes as free_nodes, p.max_file_bytes, p.max_open_uploads
        from usage g join users u on u.id = g.user_id join plans p on p.id = u.plan_id
        where {Caller.Holds};
        """;

    /// <summary>Used and available bytes, for quota properties and meters. Fault: CredentialRevoked.</summary>
    public async Task<Quota> QuotaAsync(Caller caller, CancellationToken ct)
    {
        var room = await database.ReadAsync(connection =>
            connection.QuerySingleOrDefaultAsync<Room>(new(SqlRoom, caller, cancellationToken: ct)), ct)
            ?? throw Caller.Revoked();
        return new(room.UsedBytes, room.FreeBytes);
    }

    private const string SqlDetails = $"""
        select g.bytes, g.reserved_bytes, g.nodes, v.version_bytes, {PlanTable.Columns}
        from usage g join users u on u.id = g.user_id join plans p on p.id = u.plan_id
        cross join lateral (
            select coalesce(sum(o.size), 0)::bigint as version_bytes from versions o where o.user_id = u.id) v
        where {Caller.Holds}
        """;

    /// <summary>All that there is to say of the caller's storage. One statement. Fault: CredentialRevoked.</summary>
    public async Task<UsageDetails> DetailsAsync(Caller caller, CancellationToken ct) =>
        await database.ReadAsync(async connection =>
            (await connection.QueryAsync<UsageDetails, PlanRow, UsageDetails>(
                new CommandDefinition(SqlDetails, caller, cancellationToken: ct),
                (details, plan) => details with { Plan = plan })).SingleOrDefault(), ct)
        ?? throw Caller.Revoked();

    /// <summary>Asks what the plan leaves, after something else of the same caller. Fault: CredentialRevoked.</summary>
    internal static Question AskRoom(Action<Room> answer, Question after) => after with
    {
        Sql = after.Sql + SqlRoom,
        ReadAsync = async results =>
        {
            await after.ReadAsync(results);
            answer(await results.ReadSingleOrDefaultAsync<Room>() ?? throw Caller.Revoked());
        },
    };

    /// <summary>
    /// Adds to a user's usage, last in its transaction, and gives back what was reserved for it (below zero: reserves
    /// more); what shrinks usage is never refused. No row: the plan does not allow it, see <see cref="Exceeded"/>.
    /// </summary>
    internal const string SqlCharge = """
        update usage u set bytes = u.bytes + @bytes, nodes = u.nodes + @nodes,
            reserved_bytes = u.reserved_bytes - @reserved
        from users a join plans p on p.id = a.plan_id
        where u.user_id = @UserId and a.id = u.user_id
          and (@bytes - @reserved <= 0 or p.max_bytes is null
               or u.bytes + u.reserved_bytes + @bytes - @reserved <= p.max_bytes)
          and (@nodes <= 0 or p.max_nodes is null or u.nodes + @nodes <= p.max_nodes)
        returning true;
        """;

    /// <inheritdoc cref="SqlCharge"/>
    internal static Task ChargeAsync(
        NpgsqlTransaction transaction, long userId, long bytes, long nodes, CancellationToken ct) =>
        bytes == 0 && nodes == 0
            ? Task.CompletedTask
            : ChargeAsync(transaction, userId, bytes, nodes, reserved: 0, ct);

    /// <summary>
    /// Takes bytes of the plan away for an upload, or gives them back (below zero). Also for none: whoever comes
    /// second waits for the first.
    /// </summary>
    internal static Task ReserveAsync(NpgsqlTransaction transaction, long userId, long bytes, CancellationToken ct) =>
        ChargeAsync(transaction, userId, bytes: 0, nodes: 0, -bytes, ct);

    private static async Task ChargeAsync(
        NpgsqlTransaction transaction, long userId, long bytes, long nodes, long reserved, CancellationToken ct)
    {
        if (!await TryChargeAsync(transaction, userId, bytes, nodes, reserved, ct))
            throw Exceeded(bytes - reserved);
    }

    /// <summary>False: the plan does not allow it, and nothing was changed.</summary>
    /// <inheritdoc cref="SqlCharge"/>
    internal static async Task<bool> TryChargeAsync(
        NpgsqlTransaction transaction, long userId, long bytes, long nodes, long reserved, CancellationToken ct) =>
        await transaction.Connection!.ExecuteScalarAsync<bool?>(
            new(SqlCharge, new { UserId = userId, bytes, nodes, reserved }, transaction, cancellationToken: ct))
        is not null;

    private const string SqlLock = "select from usage where user_id = @userId for update";

    /// <summary>For whoever takes away many rows of a user's: others who do wait here, not for single rows.</summary>
    internal static Task LockAsync(NpgsqlTransaction transaction, long userId, CancellationToken ct) =>
        transaction.Connection!.ExecuteAsync(new(SqlLock, new { userId }, transaction, cancellationToken: ct));

    internal static StorageException Exceeded(long bytes) => new(StorageFault.QuotaExceeded, bytes > 0
        ? "The storage of this account is full. Delete files and empty the trash, or ask for a larger plan."
        : "This account may hold no more files and folders. Delete some, or ask for a larger plan.");

    private const string SqlStart = "insert into usage (user_id) values (@userId)";

    /// <summary>The row of a new user.</summary>
    internal static Task StartAsync(NpgsqlTransaction transaction, long userId, CancellationToken ct) =>
        transaction.Connection!.ExecuteAsync(new(SqlStart, new { userId }, transaction, cancellationToken: ct));

    // Repair ----------------------------------------------------------------------------------------------------------

    private const string SqlAddMissing = """
        insert into usage (user_id) select id from users on conflict (user_id) do nothing
        returning format('user %s has a usage row again', user_id)
        """;

    /// <summary>For a repair. What was done, a line each.</summary>
    internal Task<List<string>> AddMissingAsync(CancellationToken ct) =>
        database.WriteAsync(async transaction => (await transaction.Connection!.QueryAsync<string>(
            new(SqlAddMissing, transaction: transaction, cancellationToken: ct))).AsList(), ct);

    private const string SqlUsers = """
        select user_id from usage where user_id > @after order by user_id limit @limit
        """;

    /// <summary>Users with a row, a page by id.</summary>
    internal Task<List<long>> UsersAsync(long after, int limit, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<long>(
            new(SqlUsers, new { after, limit }, cancellationToken: ct))).AsList(), ct);

    /// <summary>
    /// What a user of <c>usage</c> g has really, in one statement, so that usage and sums are of one moment.
    /// </summary>
    private const string Sums = """
        (select coalesce(sum(n.size), 0)::bigint as bytes, count(*) as nodes from file_nodes n
            where n.user_id = g.user_id and (n.parent_id is not null or n.trashed_at is not null)) s
        cross join lateral (
            select coalesce(sum(o.size), 0)::bigint as bytes from versions o where o.user_id = g.user_id) v
        cross join lateral (
            select coalesce(sum(p.reserved_bytes), 0)::bigint as bytes from uploads p where p.user_id = g.user_id) r
        """;

    private const string Differs =
        "(g.bytes, g.nodes, g.reserved_bytes) is distinct from (s.bytes + v.bytes, s.nodes, r.bytes)";

    /// <summary>A line for each user whose usage is not the sum. For all of them it reads whole tables.</summary>
    internal const string SqlDifferent = $"""
        select format('user %s (%s): accounted %s bytes in %s nodes and %s reserved, really %s in %s and %s',
            g.user_id, u.username, g.bytes, g.nodes, g.reserved_bytes, s.bytes + v.bytes, s.nodes, r.bytes)
        from usage g join users u on u.id = g.user_id cross join lateral {Sums}
        where {Differs}
        """;

    /// <summary>
    /// What is wrong with a user's usage, in words; null: nothing. Exact while the user writes, who does not wait.
    /// </summary>
    internal Task<string?> DifferenceAsync(long userId, CancellationToken ct) =>
        database.ReadAsync(connection => connection.ExecuteScalarAsync<string?>(new(
            $"{SqlDifferent} and g.user_id = @userId", new { userId }, commandTimeout: 0, cancellationToken: ct)), ct);

    private const string SqlCorrect = $"""
        update usage a set bytes = s.bytes + v.bytes, nodes = s.nodes, reserved_bytes = r.bytes
        from usage g cross join lateral {Sums}
        where a.user_id = g.user_id and g.user_id = @userId and {Differs}
        returning format('the usage of user %s is the sum again: %s bytes in %s nodes', a.user_id, a.bytes, a.nodes)
        """;

    /// <summary>
    /// For a repair: makes a user's usage the sum over the user's nodes and versions. What was done, or nothing.
    /// </summary>
    internal Task<List<string>> CorrectAsync(long userId, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            var connection = transaction.Connection!;
            // The sum must be taken after the user's last write has ended.
            await connection.ExecuteAsync(
                new(NodeTree.SqlHoldAlone, new { userId }, transaction, cancellationToken: ct));
            return (await connection.QueryAsync<string>(
                new(SqlCorrect, new { userId }, transaction, commandTimeout: 0, cancellationToken: ct))).AsList();
        }, ct);
}
