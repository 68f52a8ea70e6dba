using System.Diagnostics.CodeAnalysis;
using Dapper;
using Kosha.Storage.Audit;
using Npgsql;

namespace Kosha.Storage.Accounts;

/// <summary>An account, for its user's own eyes. Times are UTC.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
public sealed record Account
{
    public string Username { get; init; } = "";

    public string? Email { get; init; }

    public bool IsAdmin { get; init; }

    public string Plan { get; init; } = "";

    /// <summary>Signing in takes a code beside the password.</summary>
    public bool HasTwoFactor { get; init; }

    public DateTime CreatedAt { get; init; }
}

/// <summary>What users do with their own accounts. Every method has the fault CredentialRevoked.</summary>
public sealed partial class UserTable
{
    private const string SqlAccount = $"""
        select u.username, u.email, u.is_admin, p.name as plan, u.created_at,
               {TwoFactorTable.IsOn} as has_two_factor
        from users u join plans p on p.id = u.plan_id where {Caller.Holds}
        """;

    /// <summary>The caller's account.</summary>
    public async Task<Account> AccountAsync(Caller caller, CancellationToken ct) =>
        await database.ReadAsync(connection => connection.QuerySingleOrDefaultAsync<Account?>(
            new(SqlAccount, caller, cancellationToken: ct)), ct) ?? throw Caller.Revoked();

    private const string SqlSetOwnPassword = $"""
        update users u set password_hash = @passwordHash where {Caller.Holds}
        """;

    /// <summary>
    /// The old password ends with this call, and so does every session but the caller's own; app passwords stay.
    /// </summary>
    /// <returns>The same caller, whose credential holds again.</returns>
    public Task<Caller> SetPasswordAsync(Caller caller, string passwordHash, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            if (await transaction.Connection!.ExecuteAsync(new(
                SqlSetOwnPassword, caller.With(new { passwordHash }), transaction, cancellationToken: ct)) == 0)
                throw Caller.Revoked();
            await AuditTable.AddAsync(transaction, new(AuditActions.PasswordChange, caller), ct);
            return await RenewStampAsync(transaction, caller, ct);
        }, ct);

    private const string SqlRenewStamp = $"""
        update users u set credential_stamp = gen_random_uuid() where {Caller.Holds} returning u.credential_stamp
        """;

    /// <summary>
    /// Ends every credential of the caller's account but app passwords and the session that asks for it, on every
    /// daemon.
    /// </summary>
    internal static async Task<Caller> RenewStampAsync(
        NpgsqlTransaction transaction, Caller caller, CancellationToken ct)
    {
        var stamp = await transaction.Connection!.ExecuteScalarAsync<Guid?>(
            new(SqlRenewStamp, caller, transaction, cancellationToken: ct)) ?? throw Caller.Revoked();
        await SessionTable.KeepAloneAsync(transaction, caller, stamp, ct);
        return caller with { CredentialStamp = stamp };
    }

    private const string SqlEndCredentials = "update users set credential_stamp = gen_random_uuid() where id = @userId";

    /// <summary>The same for an operator, who has no session to keep.</summary>
    internal static Task EndCredentialsAsync(NpgsqlTransaction transaction, long userId, CancellationToken ct) =>
        transaction.Connection!.ExecuteAsync(
            new(SqlEndCredentials, new { userId }, transaction, cancellationToken: ct));

    private const string SqlEmailTaken = """
        select exists (select from users where lower(email) = lower(@email) and id <> @UserId)
        """;

    private const string SqlSetEmail = $"update users u set email = @email where {Caller.Holds}";

    /// <summary>
    /// By which the caller may sign in, too; null: by the username alone. Like a new password it ends every session but
    /// the caller's own; app passwords stay.
    /// </summary>
    /// <returns>The same caller, whose credential holds again.</returns>
    /// <exception cref="StorageException">InvalidValue, AlreadyExists, CredentialRevoked.</exception>
    public Task<Caller> SetEmailAsync(Caller caller, string? email, CancellationToken ct)
    {
        email = email is null ? null : Normalize(email);
        if (email is not null)
            CheckEmail(email);
        var parameters = caller.With(new { email });
        return database.WriteAsync(async transaction =>
        {
            var connection = transaction.Connection!;
            if (email is not null && await connection.ExecuteScalarAsync<bool>(
                new(SqlEmailTaken, parameters, transaction, cancellationToken: ct)))
                throw new StorageException(StorageFault.AlreadyExists, "A user with this email is there already.");
            if (await connection.ExecuteAsync(
                new(SqlSetEmail, parameters, transaction, cancellationToken: ct)) == 0)
                throw Caller.Revoked();
            await AuditTable.AddAsync(transaction, new(AuditActions.EmailChange, caller), ct);
            return await RenewStampAsync(transaction, caller, ct);
        }, ct);
    }
}
