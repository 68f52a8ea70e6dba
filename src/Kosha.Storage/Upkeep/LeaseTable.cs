using Dapper;

namespace Kosha.Storage.Upkeep;

/// <summary>Work that one process of all daemons may do at a time. Times are the database's.</summary>
internal sealed class LeaseTable(Database database)
{
    private const string SqlTake = """
        insert into leases as l (name, holder, expires_at) values (@name, @holder, now() + @duration)
        on conflict (name) do update set holder = @holder, expires_at = excluded.expires_at
        where l.expires_at <= now()
        returning true
        """;

    /// <summary>False: somebody else holds it.</summary>
    public Task<bool> TakeAsync(string name, Guid holder, TimeSpan duration, CancellationToken ct) =>
        HasAsync(SqlTake, name, holder, duration, ct);

    private const string SqlRenew = """
        update leases set expires_at = now() + @duration where name = @name and holder = @holder returning true
        """;

    /// <summary>False: somebody else has taken it since.</summary>
    public Task<bool> RenewAsync(string name, Guid holder, TimeSpan duration, CancellationToken ct) =>
        HasAsync(SqlRenew, name, holder, duration, ct);

    private Task<bool> HasAsync(string sql, string name, Guid holder, TimeSpan duration, CancellationToken ct) =>
        database.WriteAsync(transaction => transaction.Connection!.ExecuteScalarAsync<bool>(
            new(sql, new { name, holder, duration }, transaction, cancellationToken: ct)), ct);

    private const string SqlGiveBack = "delete from leases where name = @name and holder = @holder";

    public Task GiveBackAsync(string name, Guid holder) =>
        database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync(
            new(SqlGiveBack, new { name, holder }, transaction)), CancellationToken.None);
}
