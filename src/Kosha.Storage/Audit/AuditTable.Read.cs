using System.Diagnostics.CodeAnalysis;
using Dapper;

namespace Kosha.Storage.Audit;

/// <summary>An entry of the log, as it was written. Times are UTC.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
public sealed record AuditRow
{
    public long Id { get; init; }

    /// <summary>When; of refusals that were counted together: the first one.</summary>
    public DateTime At { get; init; }

    /// <summary>Who; null: a command, the system itself, or nobody that Kosha knows.</summary>
    public long? UserId { get; init; }

    /// <summary>The name of that user then.</summary>
    public string? Username { get; init; }

    /// <summary>Whom it was done to, if that is somebody else.</summary>
    public long? ConcernedId { get; init; }

    /// <summary>password, app-password, session, share-link or command; null: none.</summary>
    public string? Credential { get; init; }

    /// <summary>Of the app password, the session or the link.</summary>
    public long? CredentialId { get; init; }

    public string? Address { get; init; }

    /// <summary>One of <see cref="AuditActions"/>.</summary>
    public string Action { get; init; } = "";

    public bool IsRefused { get; init; }

    /// <summary>More than one: equal refusals within a minute.</summary>
    public long Times { get; init; }

    public long? NodeId { get; init; }

    public string? Subject { get; init; }

    public string? Detail { get; init; }
}

/// <summary>Which entries; null leaves a thing open.</summary>
public sealed record AuditFilter
{
    /// <summary>Who did it, or whom it was done to.</summary>
    public long? UserId { get; init; }

    public string? Action { get; init; }

    public long? NodeId { get; init; }

    public bool? IsRefused { get; init; }

    /// <summary>As it is written in the log.</summary>
    public string? Address { get; init; }

    /// <summary>UTC; from then on.</summary>
    public DateTime? From { get; init; }

    /// <summary>UTC; before then.</summary>
    public DateTime? To { get; init; }
}

/// <summary>Of an entry: where a page ended.</summary>
/// <param name="At">As of the entry.</param>
/// <param name="Id">As of the entry.</param>
public sealed record AuditPosition(DateTime At, long Id);

/// <summary>Reading the log, and removing what is too old.</summary>
public sealed partial class AuditTable
{
    private const string Columns = """
        a.id, a.at, a.user_id, a.username, a.concerned_id, a.credential, a.credential_id, a.address, a.action,
        a.is_refused, a.times, a.node_id, a.subject, a.detail
        """;

    /// <summary>
    /// A page, the newest first; shorter than the limit: the last one. One statement, which names only what is filtered
    /// by, so that each way of asking goes by its index.
    /// </summary>
    /// <param name="filter">Which entries.</param>
    /// <param name="after">The last one of the page before; null: from the start.</param>
    /// <param name="limit">Of entries.</param>
    /// <param name="ct">Ends it.</param>
    public Task<IReadOnlyList<AuditRow>> PageAsync(
        AuditFilter filter, AuditPosition? after, int limit, CancellationToken ct)
    {
        var parameters = new
        {
            filter.UserId, filter.Action, filter.NodeId, filter.Address, filter.From, filter.To,
            after?.At, after?.Id, limit,
        };
        return database.ReadAsync<IReadOnlyList<AuditRow>>(async connection => (await connection.QueryAsync<AuditRow>(
            new(SqlPage(filter), parameters, cancellationToken: ct))).AsList(), ct);
    }

    private static string SqlPage(AuditFilter filter)
    {
        var conditions = string.Join(" and ", new[]
        {
            "(a.at, a.id) < (coalesce(@At::timestamptz, 'infinity'), coalesce(@Id::bigint, 0))",
            filter.Action is null ? null : "a.action = @Action",
            filter.NodeId is null ? null : "a.node_id = @NodeId",
            // Not by a parameter: the index of refusals has them alone.
            filter.IsRefused switch { true => "a.is_refused", false => "not a.is_refused", null => null },
            filter.Address is null ? null : "a.address = @Address",
            filter.From is null ? null : "a.at >= @From",
            filter.To is null ? null : "a.at < @To",
        }.OfType<string>());
        const string Newest = "order by at desc, id desc limit @limit";
        string Part(string who) => $"(select {Columns} from audit a where {who}{conditions} {Newest})";
        return filter.UserId is null
            ? Part("")
            : $"{Part("a.user_id = @UserId and ")} union all {Part("a.concerned_id = @UserId and ")} {Newest}";
    }

    private const string SqlRemoveOld = """
        delete from audit where id = any(array(
            select id from audit where at < now() - make_interval(days => @days) order by at, id limit @limit))
        """;

    /// <summary>Removes some entries that are older; fewer than the limit: all.</summary>
    internal Task<int> RemoveOldAsync(int days, int limit, CancellationToken ct) =>
        RemoveAsync(SqlRemoveOld, new { days, limit }, ct);

    private const string SqlNewestBeyond = "select id from audit order by id desc offset @most limit 1";

    /// <summary>The newest of the entries that are more than so many; null: there are no more.</summary>
    internal Task<long?> FindBeyondAsync(long most, CancellationToken ct) => database.ReadAsync(connection =>
        connection.ExecuteScalarAsync<long?>(
            new(SqlNewestBeyond, new { most }, commandTimeout: 0, cancellationToken: ct)), ct);

    private const string SqlRemoveUpTo = """
        delete from audit where id = any(array(select id from audit where id <= @last order by id limit @limit))
        """;

    /// <summary>Removes some of the oldest up to this one; fewer than the limit: all.</summary>
    internal Task<int> RemoveUpToAsync(long last, int limit, CancellationToken ct) =>
        RemoveAsync(SqlRemoveUpTo, new { last, limit }, ct);

    private Task<int> RemoveAsync(string sql, object parameters, CancellationToken ct) =>
        database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync(
            new(sql, parameters, transaction, cancellationToken: ct)), ct);
}
