using Dapper;

namespace Kosha.Storage.Upkeep;

/// <summary>Work that one process of all daemons may do at a time. Times are the database's.</summary>
internal sealed class LeaseTable(Database database)
{
    private const string SqlTake = """
        insert into leases as l (name, holder, expires_at)
        values (@name, @holder, now() + make_interval(secs => @seconds))
        on conflict (name) do update set holder = @holder, expires_at = excluded.expires_at
        where l.holder = @holder or l.expires_at <= now()
        returning true
        """;

    /// <summary>Takes or renews; false if somebody else holds it.</summary>
    public Task<bool> TakeAsync(string name, Guid holder, TimeSpan duration, CancellationToken ct) =>
        database.WriteAsync(transaction => transaction.Connection!.ExecuteScalarAsync<bool>(new(
            SqlTake, new { name, holder, seconds = duration.TotalSeconds }, transaction, cancellationToken: ct)), ct);

    private const string SqlGiveBack = "delete from leases where name = @name and holder = @holder";

    public Task GiveBackAsync(string name, Guid holder) =>
        database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync(
            new(SqlGiveBack, new { name, holder }, transaction)), CancellationToken.None);
}
