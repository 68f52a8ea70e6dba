using System.Diagnostics.CodeAnalysis;
using System.Text;
using Dapper;
using Kosha.Storage.Tree;

namespace Kosha.Storage.Accounts;

/// <summary>What the list of users shows.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
public sealed record UserRow
{
    public long Id { get; init; }

    public string Username { get; init; } = "";

    public string? Email { get; init; }

    public bool IsAdmin { get; init; }

    public string Plan { get; init; } = "";

    public long UsedBytes { get; init; }

    public DateTime? DisabledAt { get; init; }
}

/// <summary>A user who may sign in, and the hash that the password must have.</summary>
/// <param name="UserId">The user.</param>
/// <param name="PasswordHash">As the caller of <see cref="UserTable.AddAsync"/> or SetPasswordAsync made it.</param>
/// <param name="CredentialStamp">Becomes the stamp of the <see cref="Caller"/>.</param>
public sealed record StoredPassword(long UserId, string PasswordHash, Guid CredentialStamp);

/// <summary>A user to be made.</summary>
/// <param name="Username">See <see cref="UserTable.CheckUsername"/>.</param>
/// <param name="PasswordHash">Never the password itself.</param>
public sealed record NewUser(string Username, string PasswordHash)
{
    public string? Email { get; init; }

    public bool IsAdmin { get; init; }

    /// <summary>The name of a row of <c>plans</c>.</summary>
    public string Plan { get; init; } = "default";
}

/// <summary>
/// The table <c>users</c>. Names and emails are unique without case. Whatever makes a credential stop being good gives
/// the user a new stamp, and with it ends every credential that a daemon remembers.
/// </summary>
public sealed class UserTable(Database database)
{
    public const int MaxUsernameLength = 80;
    public const int MaxEmailLength = 120;

    private const string SqlTaken = """
        select case when lower(username) = lower(@Username) then 'name' else 'email' end
        from users where lower(username) = lower(@Username) or lower(email) = lower(@Email)
        limit 1
        """;

    private const string SqlAdd = """
        insert into users (username, email, password_hash, is_admin, plan_id)
        values (@Username, @Email, @PasswordHash, @IsAdmin, (select id from plans where name = @Plan))
        returning id
        """;

    private const string SqlPlanExists = "select exists (select from plans where name = @Plan)";

    /// <summary>Makes the user, the usage row and the root folder, all or nothing.</summary>
    /// <returns>The user's id.</returns>
    /// <exception cref="StorageException">
    /// <see cref="StorageFault.InvalidValue"/>, <see cref="StorageFault.AlreadyExists"/>.
    /// </exception>
    public Task<long> AddAsync(NewUser user, CancellationToken ct)
    {
        user = user with
        {
            Username = Normalize(user.Username),
            Email = user.Email is null ? null : Normalize(user.Email),
        };
        CheckUsername(user.Username);
        if (user.Email is not null)
            CheckEmail(user.Email);
        return database.WriteAsync(async transaction =>
        {
            var connection = transaction.Connection!;
            if (await connection.ExecuteScalarAsync<string?>(SqlTaken, user, transaction) is { } taken)
                throw new StorageException(StorageFault.AlreadyExists, $"A user with this {taken} is there already.");
            if (!await connection.ExecuteScalarAsync<bool>(SqlPlanExists, user, transaction))
                throw NoPlan(user.Plan);
            var id = await connection.ExecuteScalarAsync<long>(SqlAdd, user, transaction);
            await UsageTable.StartAsync(transaction, id, ct);
            await NodeTree.CreateRootAsync(transaction, id, ct);
            return id;
        }, ct);
    }

    /// <summary>
    /// A name or email in NFC, the only form that is stored: what a keyboard sends depends on the system.
    /// </summary>
    /// <exception cref="StorageException"><see cref="StorageFault.InvalidValue"/>: not valid Unicode.</exception>
    internal static string Normalize(string name)
    {
        try
        {
            return name.Normalize(NormalizationForm.FormC);
        }
        catch (ArgumentException)
        {
            throw Invalid("A name is valid Unicode.");
        }
    }

    /// <summary>
    /// A username has 1 to 80 letters of valid Unicode, none of '@', ':', '/', '\' or a control character.
    /// </summary>
    /// <exception cref="StorageException"><see cref="StorageFault.InvalidValue"/></exception>
    public static void CheckUsername(string username)
    {
        username = Normalize(username);
        // Runes, because the database counts code points.
        if (username.EnumerateRunes().Count() is 0 or > MaxUsernameLength)
            throw Invalid($"A username has 1 to {MaxUsernameLength} letters.");
        if (username.Trim() != username)
            throw Invalid("A username neither begins nor ends with a space.");
        if (username.Any(c => c is '@' or ':' or '/' or '\\' || char.IsControl(c)))
            throw Invalid("A username may not contain '@', ':', '/', '\\' or control characters.");
    }

    /// <summary>An email has a '@' with something on both sides and at most 120 letters.</summary>
    /// <exception cref="StorageException"><see cref="StorageFault.InvalidValue"/></exception>
    public static void CheckEmail(string email)
    {
        var at = email.IndexOf('@', StringComparison.Ordinal);
        if (at <= 0 || at == email.Length - 1 || email.Any(c => char.IsWhiteSpace(c) || char.IsControl(c)))
            throw Invalid($"'{email}' is not an email address.");
        if (email.EnumerateRunes().Count() > MaxEmailLength)
            throw Invalid($"An email address has at most {MaxEmailLength} letters.");
    }

    private const string SqlAny = "select exists (select from users)";

    /// <summary>False in a new installation.</summary>
    public Task<bool> AnyAsync(CancellationToken ct) => database.ReadAsync(connection =>
        connection.ExecuteScalarAsync<bool>(new CommandDefinition(SqlAny, cancellationToken: ct)), ct);

    private const string SqlList = """
        select u.id, u.username, u.email, u.is_admin, p.name as plan, g.bytes as used_bytes, u.disabled_at
        from users u join plans p on p.id = u.plan_id join usage g on g.user_id = u.id
        order by lower(u.username)
        """;

    /// <summary>All users, by name.</summary>
    public Task<IReadOnlyList<UserRow>> ListAsync(CancellationToken ct) =>
        database.ReadAsync<IReadOnlyList<UserRow>>(async connection =>
            [.. await connection.QueryAsync<UserRow>(new CommandDefinition(SqlList, cancellationToken: ct))], ct);

    private const string SqlPassword = """
        select id as user_id, password_hash, credential_stamp from users
        where disabled_at is null and (lower(username) = lower(@name) or lower(email) = lower(@name))
        """;

    /// <summary>The user of this name or email; null if there is none or it is disabled.</summary>
    public Task<StoredPassword?> FindPasswordAsync(string name, CancellationToken ct) =>
        database.ReadAsync(connection => connection.QuerySingleOrDefaultAsync<StoredPassword?>(
            new CommandDefinition(SqlPassword, new { name = Normalize(name) }, cancellationToken: ct)), ct);

    private const string SqlSetPassword = """
        update users set password_hash = @passwordHash, credential_stamp = gen_random_uuid()
        where lower(username) = lower(@name) or lower(email) = lower(@name)
        """;

    /// <summary>The old password ends with this call.</summary>
    /// <exception cref="StorageException"><see cref="StorageFault.NotFound"/></exception>
    public Task SetPasswordAsync(string name, string passwordHash, CancellationToken ct) =>
        ChangeAsync(SqlSetPassword, name, new { name = Normalize(name), passwordHash }, ct);

    private const string SqlSetEnabled = """
        update users set credential_stamp = gen_random_uuid(),
            disabled_at = case when @enabled then null else coalesce(disabled_at, now()) end
        where lower(username) = lower(@name) or lower(email) = lower(@name)
        """;

    /// <summary>A disabled user signs in nowhere, and what it began ends; its files stay.</summary>
    /// <exception cref="StorageException"><see cref="StorageFault.NotFound"/></exception>
    public Task SetEnabledAsync(string name, bool enabled, CancellationToken ct) =>
        ChangeAsync(SqlSetEnabled, name, new { name = Normalize(name), enabled }, ct);

    private const string SqlSetPlan = """
        update users set plan_id = (select id from plans where name = @Plan)
        where lower(username) = lower(@name) or lower(email) = lower(@name)
        """;

    /// <summary>
    /// The user's limits are those of this plan from now on. What exceeds them stays; only new writes are refused.
    /// </summary>
    /// <exception cref="StorageException"><see cref="StorageFault.NotFound"/> (the user),
    /// <see cref="StorageFault.InvalidValue"/> (there is no such plan).</exception>
    public Task SetPlanAsync(string name, string plan, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            var connection = transaction.Connection!;
            var parameters = new { name = Normalize(name), Plan = plan };
            if (!await connection.ExecuteScalarAsync<bool>(
                new(SqlPlanExists, parameters, transaction, cancellationToken: ct)))
                throw NoPlan(plan);
            if (await connection.ExecuteAsync(new(SqlSetPlan, parameters, transaction, cancellationToken: ct)) == 0)
                throw NoUser(name);
        }, ct);

    private Task ChangeAsync(string sql, string name, object parameters, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            var command = new CommandDefinition(sql, parameters, transaction, cancellationToken: ct);
            if (await transaction.Connection!.ExecuteAsync(command) == 0)
                throw NoUser(name);
        }, ct);

    private static StorageException NoUser(string name) =>
        new(StorageFault.NotFound, $"There is no user '{name}'.");

    private static StorageException NoPlan(string plan) => Invalid($"There is no plan '{plan}'.");

    private static StorageException Invalid(string message) => new(StorageFault.InvalidValue, message);
}
