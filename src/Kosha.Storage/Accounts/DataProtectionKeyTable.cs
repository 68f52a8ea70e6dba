using Dapper;

namespace Kosha.Storage.Accounts;

/// <summary>
/// The table <c>data_protection_keys</c>: keys of all daemons, encrypted by whoever adds them. Some are added in a
/// year, and none is ever removed, because something may still be protected by it.
/// </summary>
public sealed class DataProtectionKeyTable(Database database)
{
    private const string SqlAll = "select xml from data_protection_keys order by id";

    /// <summary>Every key, in the form in which it was added.</summary>
    public Task<IReadOnlyList<string>> AllAsync(CancellationToken ct) =>
        database.ReadAsync<IReadOnlyList<string>>(async connection =>
            (await connection.QueryAsync<string>(new(SqlAll, cancellationToken: ct))).AsList(), ct);

    private const string SqlLock = "lock table data_protection_keys in share row exclusive mode";

    private const string SqlAdd = """
        insert into data_protection_keys (name, xml) select @name, @xml
        where not exists (select from data_protection_keys where created_at > now() - interval '1 minute')
        """;

    /// <summary>
    /// Adds a key. Of daemons that do so in the same minute the first alone does: the others read its key, so that no
    /// daemon protects anything by a key that another one has not seen.
    /// </summary>
    /// <param name="name">For people.</param>
    /// <param name="xml">Must hold no secret in clear text.</param>
    /// <param name="ct">Ends it.</param>
    public Task AddAsync(string name, string xml, CancellationToken ct) => database.WriteAsync(async transaction =>
    {
        var connection = transaction.Connection!;
        await connection.ExecuteAsync(new(SqlLock, transaction: transaction, cancellationToken: ct));
        await connection.ExecuteAsync(new(SqlAdd, new { name, xml }, transaction, cancellationToken: ct));
    }, ct);
}
