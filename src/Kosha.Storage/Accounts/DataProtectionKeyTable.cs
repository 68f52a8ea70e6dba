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

    private const string SqlAdd = "insert into data_protection_keys (name, xml) values (@name, @xml)";

    /// <param name="name">For people.</param>
    /// <param name="xml">Must hold no secret in clear text.</param>
    /// <param name="ct">Ends it.</param>
    public Task AddAsync(string name, string xml, CancellationToken ct) => database.WriteAsync(transaction =>
        transaction.Connection!.ExecuteAsync(new(SqlAdd, new { name, xml }, transaction, cancellationToken: ct)), ct);
}
