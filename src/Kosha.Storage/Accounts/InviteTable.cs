using System.Diagnostics.CodeAnalysis;
using Dapper;
using Kosha.Storage.Audit;
using Npgsql;

namespace Kosha.Storage.Accounts;

/// <summary>What the list of invites shows; never the secret. Times are UTC.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
public sealed record InviteRow
{
    public long Id { get; init; }

    /// <summary>For whom, in the words of who made it; empty: nothing was said.</summary>
    public string Note { get; init; } = "";

    /// <summary>The plan that the new user gets.</summary>
    public string Plan { get; init; } = "";

    public DateTime CreatedAt { get; init; }

    public DateTime ExpiresAt { get; init; }
}

/// <summary>
/// The table <c>invites</c>: who has the secret may register, once. A row ends with its use, and with its time.
/// </summary>
public sealed class InviteTable(Database database)
{
    public const int MaxNoteLength = 200;

    /// <summary>Open at once; requests of one moment may exceed it by their number.</summary>
    public const int MaxOpen = 1000;

    public const int MaxDays = 365;

    private const string SqlForgetOld = "delete from invites where expires_at <= now()";

    private const string SqlAdd = """
        insert into invites (secret_hash, note, plan_id, expires_at)
        select @secretHash, @note, p.id, now() + make_interval(days => @days) from plans p
        where p.name = @plan and (select count(*) from invites) < @MaxOpen
        returning id
        """;

    private const string SqlPlanExists = "select exists (select from plans where name = @plan)";

    /// <param name="secretHash">SHA-256 of at least 100 random bits.</param>
    /// <param name="note">For whom.</param>
    /// <param name="plan">The name of the plan that the new user gets.</param>
    /// <param name="days">How long it is good, 1 to <see cref="MaxDays"/>.</param>
    /// <param name="ct">Ends it.</param>
    /// <returns>The invite's id.</returns>
    /// <exception cref="StorageException">InvalidValue, LimitReached.</exception>
    public Task<long> AddAsync(byte[] secretHash, string note, string plan, int days, CancellationToken ct) =>
        AddAsync(secretHash, note, plan, days, told: null, ct);

    /// <param name="secretHash">SHA-256 of at least 100 random bits.</param>
    /// <param name="note">For whom.</param>
    /// <param name="plan">The name of the plan that the new user gets.</param>
    /// <param name="days">How long it is good, 1 to <see cref="MaxDays"/>.</param>
    /// <param name="told">What the audit log is told of it; null: nothing.</param>
    /// <param name="ct">Ends it.</param>
    /// <inheritdoc cref="AddAsync(byte[], string, string, int, CancellationToken)"/>
    public Task<long> AddAsync(
        byte[] secretHash, string note, string plan, int days, AuditEntry? told, CancellationToken ct)
    {
        if (note.EnumerateRunes().Count() > MaxNoteLength || note.Any(char.IsControl))
            throw Invalid($"The note of an invite has at most {MaxNoteLength} letters and no control character.");
        if (days is < 1 or > MaxDays)
            throw Invalid($"An invite is good for 1 to {MaxDays} days.");
        var parameters = new { secretHash, note, plan, days, MaxOpen };
        return database.WriteAsync(async transaction =>
        {
            var connection = transaction.Connection!;
            await connection.ExecuteAsync(new(SqlForgetOld, transaction: transaction, cancellationToken: ct));
            if (await connection.ExecuteScalarAsync<long?>(
                new(SqlAdd, parameters, transaction, cancellationToken: ct)) is { } id)
            {
                await AuditTable.AddAsync(transaction, told, userId: null, note, ct);
                return id;
            }
            throw await connection.ExecuteScalarAsync<bool>(
                new(SqlPlanExists, parameters, transaction, cancellationToken: ct))
                ? new StorageException(StorageFault.LimitReached, $"{MaxOpen} invites are open. Revoke some.")
                : Invalid($"There is no plan '{plan}'.");
        }, ct);
    }

    private static StorageException Invalid(string message) => new(StorageFault.InvalidValue, message);

    private const string SqlList = """
        select i.id, i.note, p.name as plan, i.created_at, i.expires_at
        from invites i join plans p on p.id = i.plan_id where i.expires_at > now() order by i.id
        """;

    /// <summary>Those that are good, oldest first.</summary>
    public Task<IReadOnlyList<InviteRow>> ListAsync(CancellationToken ct) =>
        database.ReadAsync<IReadOnlyList<InviteRow>>(async connection =>
            (await connection.QueryAsync<InviteRow>(new(SqlList, cancellationToken: ct))).AsList(), ct);

    private const string SqlRevoke = "delete from invites where id = @id returning note";

    /// <summary>Fault: NotFound, also of one that was used or is over.</summary>
    public Task RevokeAsync(long id, CancellationToken ct) => RevokeAsync(id, told: null, ct);

    /// <inheritdoc cref="RevokeAsync(long, CancellationToken)"/>
    /// <param name="id">The invite.</param>
    /// <param name="told">What the audit log is told of it; null: nothing.</param>
    /// <param name="ct">Ends it.</param>
    public Task RevokeAsync(long id, AuditEntry? told, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            var note = await transaction.Connection!.ExecuteScalarAsync<string?>(
                new(SqlRevoke, new { id }, transaction, cancellationToken: ct))
                ?? throw new StorageException(StorageFault.NotFound, "There is no such invite.");
            await AuditTable.AddAsync(transaction, told, userId: null, note, ct);
        }, ct);

    private const string SqlIsGood = """
        select exists (select from invites where secret_hash = @secretHash and expires_at > now())
        """;

    /// <summary>Whether an invite is good now; its use decides.</summary>
    public Task<bool> IsGoodAsync(byte[] secretHash, CancellationToken ct) =>
        database.ReadAsync(connection => connection.ExecuteScalarAsync<bool>(
            new(SqlIsGood, new { secretHash }, cancellationToken: ct)), ct);

    private const string SqlUse = """
        delete from invites i using plans p
        where i.secret_hash = @secretHash and i.expires_at > now() and p.id = i.plan_id
        returning p.name
        """;

    /// <summary>Part of the transaction that makes the user. Returns the plan's name.</summary>
    /// <exception cref="StorageException">NotAllowed: it is not good, or no more.</exception>
    internal static async Task<string> UseAsync(
        NpgsqlTransaction transaction, byte[] secretHash, CancellationToken ct) =>
        await transaction.Connection!.ExecuteScalarAsync<string?>(
            new(SqlUse, new { secretHash }, transaction, cancellationToken: ct)) ?? throw NotGood();

    /// <summary>Whoever is refused so learns nothing else.</summary>
    public static StorageException NotGood() =>
        new(StorageFault.NotAllowed, "This takes an invite that is good, and was not used before.");
}
