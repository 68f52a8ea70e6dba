using System.Diagnostics.CodeAnalysis;
using Dapper;
using Kosha.Storage.Audit;
using Npgsql;

namespace Kosha.Storage.Accounts;

/// <summary>What a user's codes are made of.</summary>
/// <param name="Seed">As the caller of <see cref="TwoFactorTable.BeginAsync"/> protected it.</param>
/// <param name="IsConfirmed">A code was shown once, and every sign-in takes one.</param>
/// <param name="IsFresh">It was begun within <see cref="TwoFactorTable.BeginWindow"/>.</param>
/// <param name="WrongCodes">Within <see cref="TwoFactorTable.WrongWindow"/>, since the last right one.</param>
[SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
[SuppressMessage("Performance", "CA1819", Justification = "What a column holds.")]
public sealed record TwoFactor(byte[] Seed, bool IsConfirmed, bool IsFresh, int WrongCodes);

/// <summary>
/// The tables <c>two_factors</c> and <c>recovery_codes</c>: who signs in with a code beside the password. A code is
/// good once: of an authenticator by its time step, of the recovery codes because it is deleted.
/// </summary>
public sealed class TwoFactorTable(Database database)
{
    /// <summary>How long a seed waits for its first code.</summary>
    public static readonly TimeSpan BeginWindow = TimeSpan.FromMinutes(15);

    /// <summary>How long wrong codes count that no right one followed.</summary>
    public static readonly TimeSpan WrongWindow = TimeSpan.FromDays(30);

    /// <summary>Whether a row u of <c>users</c> needs a code.</summary>
    internal const string IsOn =
        "exists (select from two_factors t where t.user_id = u.id and t.confirmed_at is not null)";

    private const string SqlBegin = $"""
        insert into two_factors as t (user_id, seed) select u.id, @seed from users u where {Caller.Holds}
        on conflict (user_id) do update set seed = excluded.seed, created_at = now(), last_step = 0, wrong_codes = 0
        where t.confirmed_at is null
        """;

    /// <summary>Keeps a seed until its first code confirms it. One that was begun before ends.</summary>
    /// <exception cref="StorageException">AlreadyExists (it is on), CredentialRevoked.</exception>
    public Task BeginAsync(Caller caller, byte[] seed, CancellationToken ct) => database.WriteAsync(async transaction =>
    {
        if (await transaction.Connection!.ExecuteAsync(
            new(SqlBegin, caller.With(new { seed }), transaction, cancellationToken: ct)) > 0)
            return;
        throw await FindAsync(transaction.Connection!, caller.UserId, ct) is null
            ? Caller.Revoked()
            : new StorageException(StorageFault.AlreadyExists, "Two-factor sign-in is on. Switch it off first.");
    }, ct);

    private const string SqlFind = """
        select seed, confirmed_at is not null as is_confirmed, created_at > now() - @BeginWindow as is_fresh,
               case when wrong_since > now() - @WrongWindow then wrong_codes else 0 end as wrong_codes
        from two_factors where user_id = @userId
        """;

    /// <summary>Null: it was never begun.</summary>
    public Task<TwoFactor?> FindAsync(long userId, CancellationToken ct) =>
        database.ReadAsync(connection => FindAsync(connection, userId, ct), ct);

    private static Task<TwoFactor?> FindAsync(NpgsqlConnection connection, long userId, CancellationToken ct) =>
        connection.QuerySingleOrDefaultAsync<TwoFactor?>(
            new(SqlFind, new { userId, BeginWindow, WrongWindow }, cancellationToken: ct));

    private const string SqlConfirm = """
        update two_factors set confirmed_at = now(), last_step = @step, wrong_codes = 0
        where user_id = @UserId and seed = @seed and confirmed_at is null
        """;

    private const string SqlForgetCodes = "delete from recovery_codes where user_id = @UserId";

    private const string SqlAddCodes = """
        insert into recovery_codes (user_id, code_hash) select @UserId, hash from unnest(@hashes) as hash
        """;

    /// <summary>
    /// Switches it on: a code of this step was right. From here on the password alone opens nothing, so that all other
    /// sessions end.
    /// </summary>
    /// <param name="caller">Whose it is.</param>
    /// <param name="seed">As <see cref="FindAsync(long, CancellationToken)"/> gave it.</param>
    /// <param name="step">Of the code.</param>
    /// <param name="hashes">SHA-256 of the recovery codes.</param>
    /// <param name="ct">Ends it.</param>
    /// <exception cref="StorageException">NotFound (another one was begun meanwhile), CredentialRevoked.</exception>
    public Task ConfirmAsync(
        Caller caller, byte[] seed, long step, IReadOnlyCollection<byte[]> hashes, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            var parameters = new { caller.UserId, seed, step, hashes = hashes.ToArray() };
            var connection = transaction.Connection!;
            if (await connection.ExecuteAsync(new(SqlConfirm, parameters, transaction, cancellationToken: ct)) == 0)
                throw NotBegun();
            await connection.ExecuteAsync(new(SqlForgetCodes, parameters, transaction, cancellationToken: ct));
            await connection.ExecuteAsync(new(SqlAddCodes, parameters, transaction, cancellationToken: ct));
            await AuditTable.AddAsync(transaction, new(AuditActions.TwoFactorOn, caller), ct);
            await UserTable.RenewStampAsync(transaction, caller, ct);
        }, ct);

    /// <summary>New recovery codes in place of all old ones.</summary>
    /// <exception cref="StorageException">NotFound (it is not on), CredentialRevoked.</exception>
    public Task ReplaceCodesAsync(Caller caller, IReadOnlyCollection<byte[]> hashes, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            var connection = transaction.Connection!;
            var parameters = new { caller.UserId, hashes = hashes.ToArray() };
            if (await connection.ExecuteScalarAsync<long?>(
                new(SqlLock, caller, transaction, cancellationToken: ct)) is null)
                throw NotBegun();
            await connection.ExecuteAsync(new(SqlForgetCodes, parameters, transaction, cancellationToken: ct));
            await connection.ExecuteAsync(new(SqlAddCodes, parameters, transaction, cancellationToken: ct));
            await AuditTable.AddAsync(transaction, new(AuditActions.RecoveryCodes, caller), ct);
        }, ct);

    private const string SqlLock = $"""
        select t.user_id from two_factors t join users u on u.id = t.user_id
        where t.confirmed_at is not null and {Caller.Holds} for update of t
        """;

    private const string SqlTakeStep = """
        update two_factors set last_step = @step, wrong_codes = 0 where user_id = @userId and last_step < @step
        """;

    /// <summary>A code of this step is used up, and with it those before. False: it was before.</summary>
    public Task<bool> TakeStepAsync(long userId, long step, CancellationToken ct) =>
        ChangeAsync(SqlTakeStep, new { userId, step }, ct);

    private const string SqlCountWrong = """
        update two_factors set
            wrong_codes = case when wrong_since > now() - @WrongWindow then wrong_codes + 1 else 1 end,
            wrong_since = case when wrong_since > now() - @WrongWindow then wrong_since else now() end
        where user_id = @userId
        """;

    /// <summary>Counts a wrong code of an authenticator.</summary>
    public Task CountWrongAsync(long userId, CancellationToken ct) =>
        ChangeAsync(SqlCountWrong, new { userId, WrongWindow }, ct);

    private const string SqlTakeCode = """
        with taken as (
            delete from recovery_codes where user_id = @userId and code_hash = @hash returning user_id)
        update two_factors t set wrong_codes = 0 from taken where t.user_id = taken.user_id
        """;

    /// <summary>A recovery code is used up. False: there is none of this hash.</summary>
    public Task<bool> TakeCodeAsync(long userId, byte[] hash, CancellationToken ct) =>
        ChangeAsync(SqlTakeCode, new { userId, hash }, ct);

    private const string SqlEnd = $"delete from two_factors t using users u where t.user_id = u.id and {Caller.Holds}";

    /// <summary>
    /// From here on the password is enough. All other sessions end. Faults: NotFound (it was never begun),
    /// CredentialRevoked.
    /// </summary>
    public Task EndAsync(Caller caller, CancellationToken ct) => database.WriteAsync(async transaction =>
    {
        if (await transaction.Connection!.ExecuteAsync(
            new(SqlEnd, caller, transaction, cancellationToken: ct)) == 0)
            throw NotBegun();
        await AuditTable.AddAsync(transaction, new(AuditActions.TwoFactorOff, caller), ct);
        await UserTable.RenewStampAsync(transaction, caller, ct);
    }, ct);

    private const string SqlEndNamed = $"""
        delete from two_factors t using users u where t.user_id = u.id and {UserTable.IsNamed} returning t.user_id
        """;

    /// <summary>
    /// For an operator whose user has lost the device; all sessions end. False: it was not on, or there is no such
    /// user.
    /// </summary>
    public Task<bool> EndAsync(string name, CancellationToken ct) => database.WriteAsync(async transaction =>
    {
        var parameters = new { name = UserTable.Normalize(name) };
        if (await transaction.Connection!.ExecuteScalarAsync<long?>(
            new(SqlEndNamed, parameters, transaction, cancellationToken: ct)) is not { } userId)
            return false;
        await UserTable.EndCredentialsAsync(transaction, userId, ct);
        await AuditTable.AddAsync(
            transaction, new(AuditActions.TwoFactorOff) { IsCommand = true, UserId = userId, Subject = name }, ct);
        return true;
    }, ct);

    private async Task<bool> ChangeAsync(string sql, object parameters, CancellationToken ct) =>
        await database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync(
            new(sql, parameters, transaction, cancellationToken: ct)), ct) > 0;

    private static StorageException NotBegun() =>
        new(StorageFault.NotFound, "Two-factor sign-in is not on, or was begun anew.");
}
