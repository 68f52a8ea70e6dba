using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Dapper;
using Kosha.Storage.Audit;
using Npgsql;

namespace Kosha.Storage.Accounts;

/// <summary>What the list of a user's sessions shows; never the secret. Times are UTC.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
public sealed record SessionRow
{
    public long Id { get; init; }

    /// <summary>False: it ends with the browser.</summary>
    public bool IsRemembered { get; init; }

    /// <summary>What the browser calls itself.</summary>
    public string? UserAgent { get; init; }

    public DateTime CreatedAt { get; init; }

    /// <summary>Right to about a minute.</summary>
    public DateTime LastUsedAt { get; init; }

    /// <summary>Unless it is used before.</summary>
    public DateTime ExpiresAt { get; init; }
}

/// <summary>Who is signed in, for the user's own eyes.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
public sealed record Identity(string Username, string? Email, bool IsAdmin);

/// <summary>
/// The table <c>sessions</c>: browsers that are signed in, found by the SHA-256 of a random secret. A session ends when
/// it is not used for long, with a change of the password, and when its user says so.
/// </summary>
public sealed class SessionTable(Database database)
{
    /// <summary>Of one user; the one that was used longest ago makes room.</summary>
    public const int MaxPerUser = 50;

    public const int MaxUserAgentLength = 200;

    /// <summary>Without use, where the user asked to be remembered.</summary>
    public static readonly TimeSpan RememberedLifetime = TimeSpan.FromDays(30);

    /// <summary>Without use; the browser forgets it earlier when it is closed.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(12);

    private static readonly TimeSpan NoteInterval = TimeSpan.FromMinutes(1);

    private const string SqlMakeRoom = """
        delete from sessions where user_id = @UserId and (expires_at <= now() or id in (
            select id from sessions where user_id = @UserId order by last_used_at desc, id desc offset @kept))
        """;

    private const string SqlAdd = $"""
        insert into sessions (user_id, secret_hash, credential_stamp, is_remembered, user_agent, expires_at)
        select u.id, @secretHash, u.credential_stamp, @isRemembered, @userAgent, now() + @lifetime
        from users u where {Caller.Holds}
        returning id
        """;

    /// <summary>Signs a browser in, whose user has just shown the account's own password.</summary>
    /// <param name="caller">By that password.</param>
    /// <param name="secretHash">SHA-256 of at least 128 random bits.</param>
    /// <param name="isRemembered">See <see cref="RememberedLifetime"/>.</param>
    /// <param name="userAgent">For the list; null: unknown.</param>
    /// <param name="ct">Ends it.</param>
    /// <returns>The same user by the new session.</returns>
    /// <exception cref="StorageException">CredentialRevoked, Unavailable.</exception>
    public Task<Caller> AddAsync(
        Caller caller, byte[] secretHash, bool isRemembered, string? userAgent, CancellationToken ct)
    {
        var lifetime = isRemembered ? RememberedLifetime : Lifetime;
        var parameters = caller.With(new { secretHash, isRemembered, userAgent, lifetime, kept = MaxPerUser - 1 });
        return database.WriteAsync(async transaction =>
        {
            var connection = transaction.Connection!;
            await connection.ExecuteAsync(new(SqlMakeRoom, parameters, transaction, cancellationToken: ct));
            var id = await connection.ExecuteScalarAsync<long?>(
                new(SqlAdd, parameters, transaction, cancellationToken: ct)) ?? throw Caller.Revoked();
            var signedIn = caller with { SessionId = id };
            await AuditTable.AddAsync(transaction, new(AuditActions.SignIn, signedIn), ct);
            return signedIn;
        }, ct);
    }

    private const string SqlFind = """
        select u.id as user_id, s.credential_stamp, s.id as session_id,
               s.last_used_at <= now() - @interval as is_note_due
        from sessions s join users u on u.id = s.user_id
        where s.secret_hash = @secretHash and s.expires_at > now() and s.credential_stamp = u.credential_stamp
          and u.disabled_at is null
        """;

    private const string SqlNote = """
        update sessions set last_used_at = now(),
            expires_at = now() + case when is_remembered then @RememberedLifetime else @Lifetime end
        where id = @SessionId and expires_at > now() and last_used_at <= now() - @NoteInterval
        """;

    private sealed record Found(long UserId, Guid CredentialStamp, long SessionId, bool IsNoteDue);

    /// <summary>Who has this secret, whose session lives on from here; null: it is nobody's, or no more.</summary>
    public async Task<Caller?> FindAsync(byte[] secretHash, CancellationToken ct)
    {
        var found = await database.ReadAsync(connection => connection.QuerySingleOrDefaultAsync<Found?>(
            new(SqlFind, new { secretHash, interval = NoteInterval }, cancellationToken: ct)), ct);
        if (found is null)
            return null;
        if (found.IsNoteDue)
            await ChangeAsync(SqlNote, new { found.SessionId, RememberedLifetime, Lifetime, NoteInterval }, ct);
        return CallerOf(found, address: null);
    }

    private static Caller CallerOf(Found found, string? address) =>
        new(found.UserId, found.CredentialStamp, SessionId: found.SessionId) { Address = address };

    private const string SqlIdentity = $"select u.username, u.email, u.is_admin from users u where {Caller.Holds}";

    /// <summary>Who the caller is. Fault: CredentialRevoked.</summary>
    public async Task<Identity> IdentityAsync(Caller caller, CancellationToken ct) =>
        await database.ReadAsync(connection => connection.QuerySingleOrDefaultAsync<Identity?>(
            new(SqlIdentity, caller, cancellationToken: ct)), ct) ?? throw Caller.Revoked();

    private const string SqlList = $"""
        select s.id, s.is_remembered, s.user_agent, s.created_at, s.last_used_at, s.expires_at
        from sessions s join users u on u.id = s.user_id
        where {Caller.Holds} and s.expires_at > now() and s.credential_stamp = u.credential_stamp
        order by s.last_used_at desc, s.id desc
        """;

    /// <summary>The caller's sessions, the last used first. Fault: CredentialRevoked.</summary>
    public async Task<IReadOnlyList<SessionRow>> ListAsync(Caller caller, CancellationToken ct)
    {
        var found = await database.ReadAsync(async connection => (await connection.QueryAsync<SessionRow>(
            new(SqlList, caller, cancellationToken: ct))).AsList(), ct);
        if (found.Count == 0)
            await IdentityAsync(caller, ct);
        return found;
    }

    private const string SqlEnd = $"""
        delete from sessions s using users u where s.user_id = u.id and s.id = @id and {Caller.Holds}
        """;

    /// <summary>Ends one of the caller's sessions. Faults: NotFound, CredentialRevoked.</summary>
    public async Task EndAsync(Caller caller, long id, CancellationToken ct)
    {
        if (await EndAsync(SqlEnd, caller, caller.With(new { id }), ct) > 0)
            return;
        await IdentityAsync(caller, ct);
        throw new StorageException(StorageFault.NotFound, "There is no such session.");
    }

    private const string SqlEndBySecret = """
        delete from sessions where secret_hash = @secretHash
        returning user_id, credential_stamp, id as session_id, false as is_note_due
        """;

    /// <summary>Ends the session of whoever has this secret. One that is over already is no error.</summary>
    /// <param name="secretHash">SHA-256 of the secret.</param>
    /// <param name="address">The client's, for the audit log.</param>
    /// <param name="ct">Ends it.</param>
    public Task EndAsync(byte[] secretHash, string? address, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            if (await transaction.Connection!.QuerySingleOrDefaultAsync<Found?>(
                new(SqlEndBySecret, new { secretHash }, transaction, cancellationToken: ct)) is { } ended)
                await AuditTable.AddAsync(transaction, new(AuditActions.SignOut, CallerOf(ended, address)), ct);
        }, ct);

    private const string SqlEndOthers = $"""
        delete from sessions s using users u
        where s.user_id = u.id and s.id is distinct from @SessionId and {Caller.Holds}
        """;

    /// <summary>Ends all of the caller's sessions but the caller's own. Fault: CredentialRevoked.</summary>
    public async Task EndOthersAsync(Caller caller, CancellationToken ct)
    {
        if (await EndAsync(SqlEndOthers, caller, caller, ct) == 0)
            await IdentityAsync(caller, ct);
    }

    /// <summary>Tells how many other sessions the caller has ended.</summary>
    private Task<int> EndAsync(string sql, Caller caller, object parameters, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            var ended = await transaction.Connection!.ExecuteAsync(
                new(sql, parameters, transaction, cancellationToken: ct));
            if (ended > 0)
                await AuditTable.AddAsync(transaction, new(AuditActions.SessionsEnd, caller)
                {
                    Detail = string.Create(CultureInfo.InvariantCulture, $"{ended}"),
                }, ct);
            return ended;
        }, ct);

    private const string SqlKeep = """
        update sessions set credential_stamp = @stamp where id = @SessionId and user_id = @UserId
        """;

    private const string SqlEndBeside =
        "delete from sessions where user_id = @UserId and id is distinct from @SessionId";

    /// <summary>
    /// Part of the transaction that gives the caller's account a new stamp: of its sessions the caller's own lives on.
    /// </summary>
    internal static async Task KeepAloneAsync(
        NpgsqlTransaction transaction, Caller caller, Guid stamp, CancellationToken ct)
    {
        var connection = transaction.Connection!;
        var parameters = new { caller.UserId, caller.SessionId, stamp };
        await connection.ExecuteAsync(new(SqlKeep, parameters, transaction, cancellationToken: ct));
        await connection.ExecuteAsync(new(SqlEndBeside, parameters, transaction, cancellationToken: ct));
    }

    private Task<int> ChangeAsync(string sql, object parameters, CancellationToken ct) =>
        database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync(
            new(sql, parameters, transaction, cancellationToken: ct)), ct);
}
