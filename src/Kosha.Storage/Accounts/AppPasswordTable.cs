using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Dapper;
using Kosha.Storage.Audit;
using Kosha.Storage.Tree;
using Npgsql;

namespace Kosha.Storage.Accounts;

/// <summary>What the list of a user's app passwords shows; never the secret. Times are UTC.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
public sealed record AppPasswordRow
{
    public long Id { get; init; }

    public string Label { get; init; } = "";

    public DateTime CreatedAt { get; init; }

    /// <summary>Right to about a minute.</summary>
    public DateTime? LastUsedAt { get; init; }

    /// <summary>As it was said when the password was made; null: as the daemon's setting.</summary>
    public string? Redirect { get; init; }

    public bool IsReadOnly { get; init; }

    /// <summary>The folder beyond which it reaches nothing; null: it reaches all files.</summary>
    public long? FolderId { get; init; }

    /// <summary>Where that folder stands now, for people; null while it is in the trash.</summary>
    public string? Folder { get; init; }
}

/// <summary>An app password to be made.</summary>
/// <param name="Label">What it is for; unique for each user.</param>
/// <param name="SecretHash">SHA-256 of at least 100 random bits.</param>
public sealed record NewAppPassword(string Label, byte[] SecretHash)
{
    /// <summary>Whether the device may be sent to the store for bytes; null: as the daemon's setting.</summary>
    public RedirectMode? Redirect { get; init; }

    /// <summary>It changes nothing.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>The folder that is '/' for it; null: the one of <see cref="Folder"/>, or the user's root.</summary>
    public long? FolderId { get; init; }

    /// <summary>The same by its path.</summary>
    public NodePath? Folder { get; init; }
}

/// <summary>
/// The table <c>app_passwords</c>: random secrets, one for each device, stored as their SHA-256. What one may do is
/// said when it is made and never changes; one for a folder ends with the folder.
/// </summary>
public sealed class AppPasswordTable(Database database)
{
    public const int MaxLabelLength = 80;

    public const int MaxPerUser = 100;

    /// <summary>Whoever adds waits for others who do, so that the count holds.</summary>
    private const string SqlLockUser = $"{UserTable.SqlFindId} for no key update of u";

    private const string SqlLockCaller = $"select u.id from users u where {Caller.Holds} for no key update of u";

    private const string SqlCount = "select count(*) from app_passwords where user_id = @userId";

    private const string SqlAdd = """
        insert into app_passwords (user_id, label, secret_hash, redirect, is_read_only, folder_id)
        values (@userId, @Label, @SecretHash, @redirect, @IsReadOnly, @folderId)
        on conflict (user_id, label) do nothing
        returning id
        """;

    /// <summary>For the user of this name or email.</summary>
    /// <returns>The app password's id.</returns>
    /// <exception cref="StorageException">NotFound (the user), InvalidValue (also of the folder), AlreadyExists,
    /// LimitReached.</exception>
    public Task<long> AddAsync(string user, NewAppPassword wish, CancellationToken ct)
    {
        Check(wish.Label);
        user = UserTable.Normalize(user);
        return database.WriteAsync(async transaction =>
        {
            var userId = await transaction.Connection!.ExecuteScalarAsync<long?>(
                new(SqlLockUser, new { name = user }, transaction, cancellationToken: ct)) ?? throw NoUser(user);
            return await AddAsync(
                transaction, new(AuditActions.AppPasswordAdd) { IsCommand = true }, userId, wish, ct);
        }, ct);
    }

    /// <summary>For the caller.</summary>
    /// <returns>The app password's id.</returns>
    /// <exception cref="StorageException">CredentialRevoked, InvalidValue (also of the folder), AlreadyExists,
    /// LimitReached.</exception>
    public Task<long> AddAsync(Caller caller, NewAppPassword wish, CancellationToken ct)
    {
        Check(wish.Label);
        return database.WriteAsync(async transaction =>
        {
            var userId = await transaction.Connection!.ExecuteScalarAsync<long?>(
                new(SqlLockCaller, caller, transaction, cancellationToken: ct)) ?? throw Caller.Revoked();
            return await AddAsync(transaction, new(AuditActions.AppPasswordAdd, caller), userId, wish, ct);
        }, ct);
    }

    private static void Check(string label)
    {
        if (label.EnumerateRunes().Count() is 0 or > MaxLabelLength || label.Any(char.IsControl))
            throw new StorageException(StorageFault.InvalidValue,
                $"The name of an app password has 1 to {MaxLabelLength} letters and no control character.");
    }

    private static async Task<long> AddAsync(
        NpgsqlTransaction transaction, AuditEntry told, long userId, NewAppPassword wish, CancellationToken ct)
    {
        var connection = transaction.Connection!;
        if (await connection.ExecuteScalarAsync<long>(
            new(SqlCount, new { userId }, transaction, cancellationToken: ct)) >= MaxPerUser)
            throw new StorageException(StorageFault.LimitReached,
                $"A user has at most {MaxPerUser} app passwords. Revoke some.");
        var folderId = await FindFolderAsync(transaction, userId, wish, ct);
        var parameters = new
        {
            userId, wish.Label, wish.SecretHash, redirect = wish.Redirect?.ToName(), wish.IsReadOnly, folderId,
        };
        var id = await connection.ExecuteScalarAsync<long?>(
            new(SqlAdd, parameters, transaction, cancellationToken: ct)) ?? throw Taken(wish.Label);
        await AuditTable.AddAsync(transaction, told, userId, wish.Label, ct);
        return id;
    }

    private static async Task<long?> FindFolderAsync(
        NpgsqlTransaction transaction, long userId, NewAppPassword wish, CancellationToken ct) => wish switch
        {
            { FolderId: { } id } => await NodeTree.IsFolderAsync(transaction, userId, id, ct)
                ? id : throw NoFolder("of this id"),
            { Folder: { } path } => await NodeTree.FindFolderAsync(transaction, userId, path, ct)
                ?? throw NoFolder(path.ToString()),
            _ => null,
        };

    private static StorageException NoFolder(string which) =>
        new(StorageFault.InvalidValue, $"There is no folder {which}.");

    private static StorageException Taken(string label) => new(StorageFault.AlreadyExists,
        $"There is an app password '{label}' already. Choose another name, or revoke that one.");

    private const string Columns = $"""
        a.id, a.label, a.created_at, a.last_used_at, a.redirect, a.is_read_only, a.folder_id,
        {NodeTree.FolderOfAppPassword} as folder
        """;

    private const string SqlList = $"select {Columns} from app_passwords a where a.user_id = @userId order by a.id";

    /// <summary>The app passwords of the user of this name or email, oldest first.</summary>
    /// <exception cref="StorageException"><see cref="StorageFault.NotFound"/></exception>
    public Task<IReadOnlyList<AppPasswordRow>> ListAsync(string user, CancellationToken ct) =>
        database.ReadAsync<IReadOnlyList<AppPasswordRow>>(async connection =>
        {
            user = UserTable.Normalize(user);
            var userId = await connection.ExecuteScalarAsync<long?>(
                    new CommandDefinition(UserTable.SqlFindId, new { name = user }, cancellationToken: ct))
                ?? throw NoUser(user);
            return [.. await connection.QueryAsync<AppPasswordRow>(
                new CommandDefinition(SqlList, new { userId }, cancellationToken: ct))];
        }, ct);

    private const string SqlHolds = $"select exists (select from users u where {Caller.Holds})";

    private const string SqlListOwn = $"""
        select {Columns} from app_passwords a join users u on u.id = a.user_id where {Caller.Holds} order by a.id
        """;

    /// <summary>The caller's, oldest first. Fault: CredentialRevoked.</summary>
    public Task<IReadOnlyList<AppPasswordRow>> ListAsync(Caller caller, CancellationToken ct) =>
        database.ReadAsync<IReadOnlyList<AppPasswordRow>>(async connection =>
        {
            var rows = (await connection.QueryAsync<AppPasswordRow>(
                new(SqlListOwn, caller, cancellationToken: ct))).AsList();
            if (rows.Count == 0)
                await RequireAsync(connection, caller, ct);
            return rows;
        }, ct);

    private static async Task RequireAsync(NpgsqlConnection connection, Caller caller, CancellationToken ct)
    {
        if (!await connection.ExecuteScalarAsync<bool>(new(SqlHolds, caller, cancellationToken: ct)))
            throw Caller.Revoked();
    }

    private const string SqlRevokeById = "delete from app_passwords where user_id = @userId and id = @id";

    private const string SqlRevokeByLabel = "delete from app_passwords where user_id = @userId and label = @label";

    /// <summary>
    /// Ends one app password, found by its id, else by its label, and the locks that were taken with it. The user's
    /// other credentials stay as they are.
    /// </summary>
    /// <exception cref="StorageException"><see cref="StorageFault.NotFound"/></exception>
    public Task RevokeAsync(string user, string idOrLabel, CancellationToken ct) =>
        database.WriteAsync(transaction => RevokeAsync(transaction, UserTable.Normalize(user), idOrLabel, ct), ct);

    private static async Task RevokeAsync(
        NpgsqlTransaction transaction, string user, string idOrLabel, CancellationToken ct)
    {
        var connection = transaction.Connection!;
        var userId = await connection.ExecuteScalarAsync<long?>(
            UserTable.SqlFindId, new { name = user }, transaction)
            ?? throw NoUser(user);
        var removed = long.TryParse(idOrLabel, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? await connection.ExecuteAsync(SqlRevokeById, new { userId, id }, transaction) : 0;
        if (removed == 0)
            removed = await connection.ExecuteAsync(SqlRevokeByLabel, new { userId, label = idOrLabel }, transaction);
        if (removed == 0)
            throw new StorageException(StorageFault.NotFound, $"'{user}' has no app password '{idOrLabel}'.");
        await AuditTable.AddAsync(
            transaction, new(AuditActions.AppPasswordRevoke) { IsCommand = true }, userId, idOrLabel, ct);
    }

    private const string SqlRevokeOwn = $"""
        delete from app_passwords a using users u where a.user_id = u.id and a.id = @id and {Caller.Holds}
        returning a.label
        """;

    /// <summary>Ends one of the caller's, and the locks that were taken with it.</summary>
    /// <exception cref="StorageException">NotFound, CredentialRevoked.</exception>
    public Task RevokeAsync(Caller caller, long id, CancellationToken ct) => database.WriteAsync(async transaction =>
    {
        var connection = transaction.Connection!;
        if (await connection.ExecuteScalarAsync<string?>(
            new(SqlRevokeOwn, caller.With(new { id }), transaction, cancellationToken: ct)) is not { } label)
        {
            await RequireAsync(connection, caller, ct);
            throw new StorageException(StorageFault.NotFound, "There is no such app password.");
        }
        await AuditTable.AddAsync(
            transaction, new(AuditActions.AppPasswordRevoke, caller) { Subject = label }, ct);
    }, ct);

    private const string SqlFind = $"""
        select u.id as user_id, u.credential_stamp, a.id as app_password_id, replace(a.redirect, '-', '') as redirect,
               null::bigint as session_id, a.folder_id as root_id, a.is_read_only
        from app_passwords a join users u on u.id = a.user_id
        where a.secret_hash = @secretHash and u.disabled_at is null and {UserTable.IsNamed}
        """;

    /// <summary>Who owns this secret, if that is the user of this name or email and not disabled; else null.</summary>
    public Task<Caller?> FindAsync(string name, byte[] secretHash, CancellationToken ct) =>
        database.ReadAsync(connection => connection.QuerySingleOrDefaultAsync<Caller?>(
            new CommandDefinition(
                SqlFind, new { name = UserTable.Normalize(name), secretHash }, cancellationToken: ct)), ct);

    private const string SqlTouch = """
        update app_passwords set last_used_at = now()
        where id = @id and (last_used_at is null or last_used_at < now() - interval '1 minute')
        """;

    /// <summary>Notes that the app password was used; writes at most once a minute.</summary>
    public Task TouchAsync(long id, CancellationToken ct) => database.WriteAsync(transaction =>
        transaction.Connection!.ExecuteAsync(
            new CommandDefinition(SqlTouch, new { id }, transaction, cancellationToken: ct)), ct);

    private static StorageException NoUser(string user) => new(StorageFault.NotFound, $"There is no user '{user}'.");
}
