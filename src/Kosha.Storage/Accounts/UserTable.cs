using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Dapper;
using Kosha.Storage.Audit;
using Kosha.Storage.Tree;
using Kosha.Storage.Webhooks;
using Npgsql;

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

    public long UsedNodes { get; init; }

    public DateTime? DisabledAt { get; init; }

    /// <summary>From when on it is being deleted; null: it is not.</summary>
    public DateTime? DeletingAt { get; init; }

    public DateTime CreatedAt { get; init; }
}

/// <summary>A user who may sign in, and the hash that the password must have.</summary>
/// <param name="UserId">The user.</param>
/// <param name="PasswordHash">
/// As the caller of <see cref="UserTable.AddAsync(NewUser, CancellationToken)"/> or SetPasswordAsync made it; null: no
/// password opens the account.
/// </param>
/// <param name="CredentialStamp">Becomes the stamp of the <see cref="Caller"/>.</param>
/// <param name="HasTwoFactor">The password alone is not enough.</param>
public sealed record StoredPassword(long UserId, string? PasswordHash, Guid CredentialStamp, bool HasTwoFactor);

/// <summary>A user to be made.</summary>
/// <param name="Username">See <see cref="UserTable.CheckUsername"/>.</param>
/// <param name="PasswordHash">Never the password itself. Empty: nobody signs in until somebody sets one.</param>
public sealed record NewUser(string Username, string PasswordHash)
{
    public string? Email { get; init; }

    public bool IsAdmin { get; init; }

    /// <summary>The name of a row of <c>plans</c>.</summary>
    public string Plan { get; init; } = "default";

    /// <summary>SHA-256 of the secret of the invite that is used up, whose plan counts; null: none.</summary>
    public byte[]? InviteHash { get; init; }

    /// <summary>The user's name with the identity provider; null: it came otherwise.</summary>
    public string? ExternalId { get; init; }

    /// <summary>Refused where so many accounts are younger than a day, at least 1; null: no limit.</summary>
    public int? MostPerDay { get; init; }

    /// <summary>What the audit log is told of it; null: nothing.</summary>
    public AuditEntry? Told { get; init; }
}

/// <summary>
/// The table <c>users</c>. Names and emails are unique without case. Whatever makes a credential stop being good gives
/// the user a new stamp, and with it ends every credential that a daemon remembers.
/// </summary>
public sealed partial class UserTable(Database database)
{
    public const int MaxUsernameLength = 80;
    public const int MaxEmailLength = 120;

    /// <summary>Nobody's username: by it a share link is mounted as a drive.</summary>
    public const string ShareName = "share";

    private const string SqlTaken = """
        select case when lower(username) = lower(@Username) then 'name' else 'email' end
        from users where lower(username) = lower(@Username) or lower(email) = lower(@Email)
        -- Whoever tries emails with a name that is taken learns nothing of them.
        order by lower(username) = lower(@Username) desc limit 1
        """;

    private const string SqlAdd = """
        insert into users (username, email, password_hash, is_admin, external_id, plan_id)
        values (@Username, @Email, @PasswordHash, @IsAdmin, @ExternalId, (select id from plans where name = @Plan))
        returning id
        """;

    private const string SqlPlanExists = "select exists (select from plans where name = @Plan)";

    /// <summary>Makes the user, the usage row and the root folder, all or nothing.</summary>
    /// <returns>The user's id.</returns>
    /// <exception cref="StorageException">
    /// InvalidValue, AlreadyExists, NotAllowed (the invite), LimitReached (today's).
    /// </exception>
    public Task<long> AddAsync(NewUser user, CancellationToken ct)
    {
        user = Checked(user);
        return database.WriteAsync(transaction => AddAsync(transaction, user, ct), ct);
    }

    /// <summary>As it is stored. Fault: InvalidValue.</summary>
    private static NewUser Checked(NewUser user)
    {
        user = user with
        {
            Username = Normalize(user.Username),
            Email = user.Email is null ? null : Normalize(user.Email),
        };
        CheckUsername(user.Username);
        if (user.Email is not null)
            CheckEmail(user.Email);
        return user;
    }

    private static async Task<long> AddAsync(NpgsqlTransaction transaction, NewUser user, CancellationToken ct)
    {
        var connection = transaction.Connection!;
        // First, so that without these nobody learns which names there are.
        if (user.MostPerDay is { } most)
            await RequireRoomAsync(transaction, most, ct);
        if (user.InviteHash is { } invite)
            user = user with { Plan = await InviteTable.UseAsync(transaction, invite, ct) };
        if (await connection.ExecuteScalarAsync<string?>(SqlTaken, user, transaction) is { } taken)
            throw new StorageException(StorageFault.AlreadyExists, $"A user with this {taken} is there already.");
        if (!await connection.ExecuteScalarAsync<bool>(SqlPlanExists, user, transaction))
            throw NoPlan(user.Plan);
        var id = await connection.ExecuteScalarAsync<long>(SqlAdd, user, transaction);
        await UsageTable.StartAsync(transaction, id, ct);
        await NodeTree.CreateRootAsync(transaction, id, ct);
        await AuditTable.AddAsync(transaction, user.Told, id, user.Username, ct);
        await TellAsync(transaction, WebhookEvents.UserCreated, id, ct);
        return id;
    }

    private const string SqlTold = "select id, username, email, external_id from users where id = @id";

    private sealed record ToldUser(long Id, string Username, string? Email, string? ExternalId);

    /// <summary>Tells webhooks of a user whose row is there.</summary>
    private static async Task TellAsync(NpgsqlTransaction transaction, string type, long id, CancellationToken ct)
    {
        var user = await transaction.Connection!.QuerySingleAsync<ToldUser>(
            new(SqlTold, new { id }, transaction, cancellationToken: ct));
        await Outbox.AddAsync(transaction, new(type, id, NodeId: null, new { user }), ct);
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
    /// A username has 1 to 80 letters of valid Unicode, none of '@', ':', '/', '\', a control character or one that
    /// nobody sees.
    /// </summary>
    /// <exception cref="StorageException"><see cref="StorageFault.InvalidValue"/></exception>
    public static void CheckUsername(string username)
    {
        username = Normalize(username);
        // Runes, because the database counts code points.
        if (username.EnumerateRunes().Count() is 0 or > MaxUsernameLength)
            throw Invalid($"A username has 1 to {MaxUsernameLength} letters.");
        if (username.Equals(ShareName, StringComparison.OrdinalIgnoreCase))
            throw Invalid($"'{ShareName}' is the name by which share links are mounted; choose another one.");
        if (username.Trim() != username)
            throw Invalid("A username neither begins nor ends with a space.");
        if (username.Any(c => c is '@' or ':' or '/' or '\\' || char.IsControl(c)))
            throw Invalid("A username may not contain '@', ':', '/', '\\' or control characters.");
        if (username.EnumerateRunes().Any(
            r => r == Rune.ReplacementChar || Rune.GetUnicodeCategory(r) == UnicodeCategory.Format))
            throw Invalid("A username may not contain characters that nobody sees, or the sign for an unknown one.");
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

    /// <summary>On a row u of <c>users</c>: whether @name is its name or email.</summary>
    internal const string IsNamed = "(lower(u.username) = lower(@name) or lower(u.email) = lower(@name))";

    /// <summary>Columns of a <see cref="UserRow"/>, for a user u, the plan p and the usage g.</summary>
    private const string Columns = """
        u.id, u.username, u.email, u.is_admin, p.name as plan, g.bytes as used_bytes, g.nodes as used_nodes,
        u.disabled_at, u.deleting_at, u.created_at
        """;

    private const string SqlList = $"""
        select {Columns}
        from users u join plans p on p.id = u.plan_id join usage g on g.user_id = u.id
        order by lower(u.username)
        """;

    /// <summary>All users, by name.</summary>
    public Task<IReadOnlyList<UserRow>> ListAsync(CancellationToken ct) =>
        database.ReadAsync<IReadOnlyList<UserRow>>(async connection =>
            [.. await connection.QueryAsync<UserRow>(new CommandDefinition(SqlList, cancellationToken: ct))], ct);

    private const string SqlPassword = $"""
        select u.id as user_id, nullif(u.password_hash, '') as password_hash, u.credential_stamp,
               {TwoFactorTable.IsOn} as has_two_factor
        from users u
        where u.disabled_at is null and {IsNamed}
        """;

    /// <summary>The user of this name or email; null if there is none or it is disabled.</summary>
    public Task<StoredPassword?> FindPasswordAsync(string name, CancellationToken ct) =>
        database.ReadAsync(connection => connection.QuerySingleOrDefaultAsync<StoredPassword?>(
            new CommandDefinition(SqlPassword, new { name = Normalize(name) }, cancellationToken: ct)), ct);

    /// <summary>Who changes a user by its name is a command.</summary>
    private static readonly AuditEntry Command = new(AuditActions.UserChange) { IsCommand = true };

    /// <summary>The old password ends with this call.</summary>
    /// <exception cref="StorageException"><see cref="StorageFault.NotFound"/></exception>
    public async Task SetPasswordAsync(string name, string passwordHash, CancellationToken ct) =>
        await ChangeAsync(await IdAsync(name, ct), new UserChanges { PasswordHash = passwordHash, Told = Command }, ct);

    /// <summary>A disabled user signs in nowhere, and what it began ends; its files stay.</summary>
    /// <exception cref="StorageException">NotFound, NotAllowed (the last administrator).</exception>
    public async Task SetEnabledAsync(string name, bool enabled, CancellationToken ct) =>
        await ChangeAsync(await IdAsync(name, ct), new UserChanges { IsDisabled = !enabled, Told = Command }, ct);

    /// <summary>
    /// The user's limits are those of this plan from now on. What exceeds them stays; only new writes are refused.
    /// </summary>
    /// <exception cref="StorageException">NotFound (the user), InvalidValue (there is no such plan).</exception>
    public async Task SetPlanAsync(string name, string plan, CancellationToken ct) =>
        await ChangeAsync(await IdAsync(name, ct), new UserChanges { Plan = plan, Told = Command }, ct);

    private static StorageException NoUser(string name) =>
        new(StorageFault.NotFound, $"There is no user '{name}'.");

    private static StorageException NoPlan(string plan) => Invalid($"There is no plan '{plan}'.");

    private static StorageException Invalid(string message) => new(StorageFault.InvalidValue, message);
}
