using Dapper;
using Kosha.Storage.Audit;
using Npgsql;

namespace Kosha.Storage.Accounts;

/// <summary>What is to be changed of an account by who administers it; null stays as it is.</summary>
public sealed record UserChanges
{
    /// <summary>The name of a row of <c>plans</c>.</summary>
    public string? Plan { get; init; }

    public bool? IsAdmin { get; init; }

    /// <summary>Signs in nowhere; the files stay.</summary>
    public bool? IsDisabled { get; init; }

    /// <summary>Never the password itself.</summary>
    public string? PasswordHash { get; init; }

    /// <summary>What the audit log is told of it; null: nothing.</summary>
    public AuditEntry? Told { get; init; }

    /// <summary>In words, without a secret.</summary>
    internal string Say() => string.Join(", ", new[]
    {
        Plan is null ? null : $"plan {Plan}",
        IsAdmin switch { true => "administrator", false => "no administrator", _ => null },
        IsDisabled switch { true => "disabled", false => "enabled", _ => null },
        PasswordHash is null ? null : "new password",
    }.OfType<string>());
}

/// <summary>
/// Changes of accounts by id, in which the last administrator who can sign in stays one. Who has begun to be deleted is
/// no more.
/// </summary>
public sealed partial class UserTable
{
    private const string SqlLock = """
        select username from users where id = @id and deleting_at is null for update
        """;

    /// <summary>Locked in order, so that of two who go at once one finds the other gone.</summary>
    private const string SqlLockAdmins = """
        select id from users
        where is_admin and disabled_at is null and password_hash <> '' order by id for update
        """;

    private const string SqlPlanId = "select id from plans where name = @Plan";

    private const string SqlChange = """
        update users set
            plan_id = coalesce(@planId, plan_id), is_admin = coalesce(@IsAdmin, is_admin),
            password_hash = coalesce(@PasswordHash, password_hash),
            disabled_at = case @IsDisabled when true then coalesce(disabled_at, now()) when false then null
                else disabled_at end,
            -- Whatever ends a credential gives a new stamp.
            credential_stamp = case when @PasswordHash is not null or @IsDisabled is not null
                then gen_random_uuid() else credential_stamp end
        where id = @id
        """;

    /// <summary>Changes an account. A new password and a disabling end its sessions at once.</summary>
    /// <exception cref="StorageException">NotFound, InvalidValue (the plan), NotAllowed (the last administrator).
    /// </exception>
    public Task ChangeAsync(long id, UserChanges changes, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            var connection = transaction.Connection!;
            var username = await LockAsync(
                transaction, id, isLast: changes is { IsAdmin: false } or { IsDisabled: true }, ct);
            long? planId = null;
            if (changes.Plan is not null)
                planId = await connection.ExecuteScalarAsync<long?>(
                    new(SqlPlanId, changes, transaction, cancellationToken: ct))
                    ?? throw NoPlan(changes.Plan);
            var parameters = new { id, planId, changes.IsAdmin, changes.IsDisabled, changes.PasswordHash };
            await connection.ExecuteAsync(new(SqlChange, parameters, transaction, cancellationToken: ct));
            var told = changes.Told is null ? null : changes.Told with { Detail = changes.Say() };
            await AuditTable.AddAsync(transaction, told, id, username, ct);
        }, ct);

    /// <param name="transaction">Runs.</param>
    /// <param name="id">The user.</param>
    /// <param name="isLast">The change would take an administrator away.</param>
    /// <param name="ct">Ends it.</param>
    /// <returns>The username.</returns>
    private static async Task<string> LockAsync(
        NpgsqlTransaction transaction, long id, bool isLast, CancellationToken ct)
    {
        var connection = transaction.Connection!;
        if (isLast)
        {
            var admins = (await connection.QueryAsync<long>(
                new(SqlLockAdmins, transaction: transaction, cancellationToken: ct))).AsList();
            if (admins.Count == 1 && admins[0] == id)
                throw new StorageException(StorageFault.NotAllowed,
                    "This is the last administrator who can sign in. Make another one first.");
        }
        return await connection.ExecuteScalarAsync<string?>(
            new(SqlLock, new { id }, transaction, cancellationToken: ct))
            ?? throw new StorageException(StorageFault.NotFound, "There is no such user.");
    }

    /// <summary>Who is being deleted has no name any more for what is made anew.</summary>
    internal const string SqlFindId = $"select u.id from users u where {IsNamed} and u.deleting_at is null";

    /// <summary>The user of this name or email who is not being deleted. Fault: NotFound.</summary>
    public async Task<long> IdAsync(string name, CancellationToken ct) =>
        await database.ReadAsync(connection => connection.ExecuteScalarAsync<long?>(
            new(SqlFindId, new { name = Normalize(name) }, cancellationToken: ct)), ct)
        ?? throw NoUser(name);

    private const string SqlPage = $"""
        select {Columns}
        from (select * from users where id > @after order by id limit @limit) u
        cross join lateral (select p.name from plans p where p.id = u.plan_id limit 1) p
        cross join lateral (select g.bytes, g.nodes from usage g where g.user_id = u.id limit 1) g
        order by u.id
        """;

    /// <summary>Users from after an id on, a page in the order of their ids.</summary>
    public Task<IReadOnlyList<UserRow>> PageAsync(long after, int limit, CancellationToken ct) =>
        database.ReadAsync<IReadOnlyList<UserRow>>(async connection => (await connection.QueryAsync<UserRow>(
            new(SqlPage, new { after, limit }, cancellationToken: ct))).AsList(), ct);

    private const string SqlOne = $"""
        select {Columns}
        from users u join plans p on p.id = u.plan_id join usage g on g.user_id = u.id where u.id = @id
        """;

    /// <summary>Fault: NotFound.</summary>
    public async Task<UserRow> GetAsync(long id, CancellationToken ct) =>
        await database.ReadAsync(connection => connection.QuerySingleOrDefaultAsync<UserRow?>(
            new(SqlOne, new { id }, cancellationToken: ct)), ct)
        ?? throw new StorageException(StorageFault.NotFound, "There is no such user.");
}
