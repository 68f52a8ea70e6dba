using Dapper;
using Npgsql;

namespace Kosha.Storage.Accounts;

/// <summary>How many may register in a day where everybody may.</summary>
public sealed partial class UserTable
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    /// <summary>In the class of Kosha's own locks.</summary>
    private const int RegistrationLock = 2;

    /// <summary>A statement of its own: what counts next must see what whoever held the lock has committed.</summary>
    private const string SqlLockRegistrations = "select pg_advisory_xact_lock(@LockClass, @RegistrationLock)";

    /// <summary>Of the newest accounts the last that counts; it goes by the key, however many there are.</summary>
    private const string SqlSecondsUntilRoom = """
        select ceil(extract(epoch from u.created_at + @Day - now()))::int
        from (select created_at from users order by id desc offset @most - 1 limit 1) u
        """;

    /// <summary>
    /// Part of the transaction that makes a user who registers; others who do wait until it ends, so that the count is
    /// exact. Accounts that came otherwise count as well.
    /// </summary>
    /// <exception cref="StorageException">LimitReached: that many accounts are younger than a day.</exception>
    private static async Task RequireRoomAsync(NpgsqlTransaction transaction, int most, CancellationToken ct)
    {
        var connection = transaction.Connection!;
        await connection.ExecuteAsync(new(
            SqlLockRegistrations, new { Database.LockClass, RegistrationLock }, transaction, cancellationToken: ct));
        var seconds = await connection.ExecuteScalarAsync<int?>(
            new(SqlSecondsUntilRoom, new { most, Day }, transaction, cancellationToken: ct));
        if (seconds > 0)
            throw new StorageException(StorageFault.LimitReached,
                "As many accounts as this server takes in a day were made. Try again later.")
            {
                RetryAfter = TimeSpan.FromSeconds(seconds.Value),
            };
    }
}
