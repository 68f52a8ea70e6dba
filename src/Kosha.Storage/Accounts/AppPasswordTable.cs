using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Dapper;
using Npgsql;

namespace Kosha.Storage.Accounts;

/// <summary>What the list of a user's app passwords shows; never the secret.</summary>
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
}

/// <summary>The table <c>app_passwords</c>: random secrets, one for each device, stored as their SHA-256.</summary>
public sealed class AppPasswordTable(Database database)
{
    public const int MaxLabelLength = 80;

    private const string SqlUserId = """
        select id from users where lower(username) = lower(@user) or lower(email) = lower(@user)
        """;

    private const string SqlAdd = """
        insert into app_passwords (user_id, label, secret_hash, redirect)
        values (@userId, @label, @secretHash, @redirect)
        on conflict (user_id, label) do nothing
        returning id
        """;

    /// <summary>
    /// Stores a new secret's hash for the user of this name or email. Labels are unique for each user.
    /// </summary>
    /// <exception cref="StorageException">
    /// <see cref="StorageFault.NotFound"/>, <see cref="StorageFault.InvalidValue"/>,
    /// <see cref="StorageFault.AlreadyExists"/>.
    /// </exception>
    public Task<long> AddAsync(
        string user, string label, byte[] secretHash, RedirectMode? redirect, CancellationToken ct)
    {
        if (label.EnumerateRunes().Count() is 0 or > MaxLabelLength || label.Any(char.IsControl))
            throw new StorageException(StorageFault.InvalidValue,
                $"The name of an app password has 1 to {MaxLabelLength} letters and no control character.");
        user = UserTable.Normalize(user);
        return database.WriteAsync(async transaction =>
        {
            var connection = transaction.Connection!;
            var userId = await connection.ExecuteScalarAsync<long?>(SqlUserId, new { user }, transaction)
                ?? throw NoUser(user);
            return await connection.ExecuteScalarAsync<long?>(
                SqlAdd, new { userId, label, secretHash, redirect = redirect?.ToName() }, transaction)
                ?? throw new StorageException(StorageFault.AlreadyExists,
                    $"'{user}' has an app password '{label}' already. Choose another name, or revoke that one.");
        }, ct);
    }

    private const string SqlList = """
        select id, label, created_at, last_used_at, redirect from app_passwords where user_id = @userId order by id
        """;

    /// <summary>The app passwords of the user of this name or email, oldest first.</summary>
    /// <exception cref="StorageException"><see cref="StorageFault.NotFound"/></exception>
    public Task<IReadOnlyList<AppPasswordRow>> ListAsync(string user, CancellationToken ct) =>
        database.ReadAsync<IReadOnlyList<AppPasswordRow>>(async connection =>
        {
            user = UserTable.Normalize(user);
            var userId = await connection.ExecuteScalarAsync<long?>(
                new CommandDefinition(SqlUserId, new { user }, cancellationToken: ct)) ?? throw NoUser(user);
            return [.. await connection.QueryAsync<AppPasswordRow>(
                new CommandDefinition(SqlList, new { userId }, cancellationToken: ct))];
        }, ct);

    private const string SqlRevokeById = "delete from app_passwords where user_id = @userId and id = @id";

    private const string SqlRevokeByLabel = "delete from app_passwords where user_id = @userId and label = @label";

    /// <summary>
    /// Ends one app password, found by its id, else by its label, and the locks that were taken with it. The user's
    /// other credentials stay as they are.
    /// </summary>
    /// <exception cref="StorageException"><see cref="StorageFault.NotFound"/></exception>
    public Task RevokeAsync(string user, string idOrLabel, CancellationToken ct) =>
        database.WriteAsync(transaction => RevokeAsync(transaction, UserTable.Normalize(user), idOrLabel), ct);

    private static async Task RevokeAsync(NpgsqlTransaction transaction, string user, string idOrLabel)
    {
        var connection = transaction.Connection!;
        var userId = await connection.ExecuteScalarAsync<long?>(SqlUserId, new { user }, transaction)
            ?? throw NoUser(user);
        var removed = long.TryParse(idOrLabel, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? await connection.ExecuteAsync(SqlRevokeById, new { userId, id }, transaction) : 0;
        if (removed == 0)
            removed = await connection.ExecuteAsync(SqlRevokeByLabel, new { userId, label = idOrLabel }, transaction);
        if (removed == 0)
            throw new StorageException(StorageFault.NotFound, $"'{user}' has no app password '{idOrLabel}'.");
    }

    private const string SqlFind = """
        select u.id as user_id, u.credential_stamp, a.id as app_password_id, replace(a.redirect, '-', '') as redirect,
               null::bigint as session_id
        from app_passwords a join users u on u.id = a.user_id
        where a.secret_hash = @secretHash and u.disabled_at is null
          and (lower(u.username) = lower(@name) or lower(u.email) = lower(@name))
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
