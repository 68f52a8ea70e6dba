using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using Npgsql;

namespace Kosha.Storage.Audit;

/// <summary>
/// The table <c>audit</c>: who did what to which node, from where and with which credential. What is done is told in
/// the transaction that does it. Texts that are too long are cut.
/// </summary>
public sealed partial class AuditTable(Database database)
{
    public const int MaxTextLength = 1000;

    public const int MaxAddressLength = 80;

    /// <summary>Different refusals of one minute that get entries of their own; the others share one.</summary>
    public const int MaxRefusalsPerMinute = 20;

    private const string SqlAdd = """
        insert into audit (
            user_id, username, concerned_id, credential, credential_id, address, action, node_id, subject, detail)
        select @UserId, (select u.username from users u where u.id = @UserId), @ConcernedId, @Credential,
               @CredentialId, @Address, @Action, n.id, n.subject, @Detail
        from unnest(@nodeIds, @subjects) as n (id, subject)
        """;

    /// <summary>Tells it in the transaction that does it.</summary>
    public static Task AddAsync(NpgsqlTransaction transaction, AuditEntry entry, CancellationToken ct) =>
        entry.IsRefused
            ? RefuseAsync(transaction, entry, ct)
            : AddAsync(transaction, entry, [(entry.NodeId, entry.Subject)], ct);

    /// <summary>The same of many nodes at once, by one statement.</summary>
    public static Task AddAsync(
        NpgsqlTransaction transaction, AuditEntry entry, IReadOnlyCollection<(long? NodeId, string? Subject)> nodes,
        CancellationToken ct)
    {
        var parameters = ParametersOf(entry);
        parameters.AddDynamicParams(new
        {
            nodeIds = nodes.Select(node => node.NodeId).ToArray(),
            subjects = nodes.Select(node => Cut(node.Subject, MaxTextLength)).ToArray(),
        });
        return transaction.Connection!.ExecuteAsync(new(SqlAdd, parameters, transaction, cancellationToken: ct));
    }

    private const string SqlAddMany = """
        insert into audit (
            user_id, username, concerned_id, credential, credential_id, address, action, node_id, subject, detail)
        select e.user_id, (select u.username from users u where u.id = e.user_id), e.concerned_id, e.credential,
               e.credential_id, e.address, e.action, e.node_id, e.subject, e.detail
        from unnest(@userIds, @concernedIds, @credentials, @credentialIds, @addresses, @actions, @nodeIds, @subjects,
            @details) as e (
            user_id, concerned_id, credential, credential_id, address, action, node_id, subject, detail)
        """;

    /// <summary>The same of many entries, none of them refused, by one statement.</summary>
    public static Task AddAllAsync(
        NpgsqlTransaction transaction, IReadOnlyCollection<AuditEntry> entries, CancellationToken ct)
    {
        var rows = entries.Select(RowOf).ToArray();
        return transaction.Connection!.ExecuteAsync(new(SqlAddMany, new
        {
            userIds = rows.Select(row => row.UserId).ToArray(),
            concernedIds = rows.Select(row => row.ConcernedId).ToArray(),
            credentials = rows.Select(row => row.Credential).ToArray(),
            credentialIds = rows.Select(row => row.CredentialId).ToArray(),
            addresses = rows.Select(row => row.Address).ToArray(),
            actions = rows.Select(row => row.Action).ToArray(),
            nodeIds = entries.Select(entry => entry.NodeId).ToArray(),
            subjects = entries.Select(entry => Cut(entry.Subject, MaxTextLength)).ToArray(),
            details = rows.Select(row => row.Detail).ToArray(),
        }, transaction, cancellationToken: ct));
    }

    /// <summary>Tells it by itself.</summary>
    public Task AddAsync(AuditEntry entry, CancellationToken ct) =>
        database.WriteAsync(transaction => AddAsync(transaction, entry, ct), ct);

    /// <summary>The same of an act that knows who wants to have it told, if anybody does.</summary>
    /// <param name="transaction">Does it.</param>
    /// <param name="told">Null: nobody.</param>
    /// <param name="userId">Whom it concerns.</param>
    /// <param name="subject">What it concerns.</param>
    /// <param name="ct">Ends it.</param>
    internal static Task AddAsync(
        NpgsqlTransaction transaction, AuditEntry? told, long? userId, string subject, CancellationToken ct) =>
        told is null
            ? Task.CompletedTask
            : AddAsync(transaction, told with { UserId = userId, Subject = subject }, ct);

    /// <summary>What is repeated all day, such as the sign-ins of a device, is told once in this time.</summary>
    private static readonly TimeSpan OnceIn = TimeSpan.FromHours(1);

    private const string ToldAlready = """
        at > now() - @OnceIn and action = @Action and credential = @Credential
        and credential_id is not distinct from @CredentialId and address is not distinct from @Address
        and detail is not distinct from @Detail and not is_refused
        """;

    private const string SqlIsTold = $"""
        select exists (select from audit where user_id = @UserId and {ToldAlready})
            or exists (select from audit where @UserId is null and concerned_id = @ConcernedId and {ToldAlready})
        """;

    /// <summary>Tells it, unless that was told of this credential and address within the hour.</summary>
    public Task AddOnceAsync(AuditEntry entry, CancellationToken ct) => database.WriteAsync(async transaction =>
    {
        var parameters = ParametersOf(entry);
        parameters.AddDynamicParams(new { OnceIn });
        if (!await transaction.Connection!.ExecuteScalarAsync<bool>(
            new(SqlIsTold, parameters, transaction, cancellationToken: ct)))
            await AddAsync(transaction, entry, ct);
    }, ct);

    private const string SqlRefuse = """
        insert into audit as a (
            user_id, username, concerned_id, credential, credential_id, address, action, node_id, subject, detail,
            is_refused, refused_in, refusal)
        select @UserId, (select u.username from users u where u.id = @UserId), @ConcernedId, @Credential,
               @CredentialId, @Address, @Action, @nodeId, @subject, @Detail, true, date_trunc('minute', now()), @refusal
        where @most > (
            select count(*) from audit o
            where o.refused_in = date_trunc('minute', now()) and o.refusal is not null)
          or exists (select from audit e where e.refused_in = date_trunc('minute', now()) and e.refusal = @refusal)
        on conflict (refused_in, refusal) where refusal is not null do update set times = a.times + 1
        """;

    private static async Task RefuseAsync(NpgsqlTransaction transaction, AuditEntry entry, CancellationToken ct)
    {
        if (await RefuseAsync(transaction, entry, MaxRefusalsPerMinute, ct) > 0)
            return;
        var many = new AuditEntry(entry.Action) { Detail = "Further ones of this minute.", IsRefused = true };
        await RefuseAsync(transaction, many, int.MaxValue, ct);
    }

    private static Task<int> RefuseAsync(
        NpgsqlTransaction transaction, AuditEntry entry, int most, CancellationToken ct)
    {
        var parameters = ParametersOf(entry);
        var subject = Cut(entry.Subject, MaxTextLength);
        parameters.AddDynamicParams(new { entry.NodeId, subject, refusal = RefusalOf(entry), most });
        return transaction.Connection!.ExecuteAsync(new(SqlRefuse, parameters, transaction, cancellationToken: ct));
    }

    /// <summary>What makes two refusals equal.</summary>
    private static byte[] RefusalOf(AuditEntry entry) => SHA256.HashData(Encoding.UTF8.GetBytes(string.Join(
        '\n', entry.Action, Number(entry.Caller?.UserId), Number(entry.UserId), Number(entry.NodeId),
        entry.Address ?? entry.Caller?.Address, entry.Subject, entry.Detail)));

    private static string Number(long? value) => value?.ToString(CultureInfo.InvariantCulture) ?? "";

    /// <summary>What is of each entry, however many nodes it names.</summary>
    private sealed record Row(
        long? UserId, long? ConcernedId, string? Credential, long? CredentialId, string? Address, string Action,
        string? Detail);

    private static DynamicParameters ParametersOf(AuditEntry entry) => new(RowOf(entry));

    private static Row RowOf(AuditEntry entry)
    {
        var (credential, credentialId) = CredentialOf(entry);
        // Visitors are nobody that Kosha knows; it concerns whose link they have.
        var visited = entry.Caller is { ShareLinkId: not null } visitor ? visitor.UserId : (long?)null;
        var userId = visited is null ? entry.Caller?.UserId ?? (entry.IsCommand ? null : entry.UserId) : null;
        var concernedId = entry.UserId ?? visited;
        return new(
            userId, concernedId == userId ? null : concernedId, credential, credentialId,
            Cut(entry.Address ?? entry.Caller?.Address, MaxAddressLength), entry.Action,
            Cut(entry.Detail, MaxTextLength));
    }

    private static (string? Name, long? Id) CredentialOf(AuditEntry entry) => entry switch
    {
        { Caller: { AppPasswordId: { } id } } => ("app-password", id),
        { Caller: { SessionId: { } id } } => ("session", id),
        { Caller: { ShareLinkId: { } id } } => ("share-link", id),
        { Caller: not null } => ("password", null),
        { IsCommand: true } => ("command", null),
        _ => (null, null),
    };

    /// <summary>What Postgres counts are code points; control characters have no place in a log.</summary>
    private static string? Cut(string? text, int most)
    {
        if (text is null)
            return null;
        var cut = new StringBuilder();
        foreach (var rune in text.EnumerateRunes().Take(most))
            cut.Append((Rune.IsControl(rune) ? Rune.ReplacementChar : rune).ToString());
        return cut.ToString();
    }
}
