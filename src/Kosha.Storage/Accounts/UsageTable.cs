namespace Kosha.Storage.Accounts;

/// <param name="UsedBytes">Bytes of the user's files, trash included, and what open uploads reserve.</param>
/// <param name="AvailableBytes">What may still be written; null: the plan has no limit.</param>
public sealed record Quota(long UsedBytes, long? AvailableBytes);

public sealed class UsageTable(Database database)
{
    public Task<Quota> QuotaAsync(Caller caller, CancellationToken ct) => throw new NotSupportedException();
    public Database Database => database;
}
