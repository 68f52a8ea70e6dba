using Dapper;
using Kosha.Storage.Accounts;
using Kosha.Storage.Blobs;
using Npgsql;

namespace Kosha.Storage.Uploads;

/// <summary>The end of uploads that became no file, and of the rows of those that did.</summary>
internal sealed partial class UploadTable
{
    private const string SqlExpire = """
        update uploads set state = 'expired', ended_at = now(), verifier = null, verifier_until = null
        where id = any(array(
            select id from uploads where cleared_at is null and expires_at <= now()
              and (state = 'open' or (state = 'verifying' and verifier_until <= now())) order by id limit @limit))
          and expires_at <= now() and (state = 'open' or (state = 'verifying' and verifier_until <= now()))
        """;

    /// <summary>Ends what nobody completed in its time. Returns how many; fewer than the limit: all.</summary>
    public Task<int> ExpireAsync(int limit, CancellationToken ct) => database.WriteAsync(transaction =>
        transaction.Connection!.ExecuteAsync(
            new(SqlExpire, new { limit }, transaction, cancellationToken: ct)), ct);

    private const string SqlToClear = $"""
        select {Columns} from uploads p
        where p.cleared_at is null and p.ended_at is not null and p.urls_expire_at + @slack <= now() and p.id > @after
        order by p.id limit @limit
        """;

    /// <summary>Uploads that have ended, and whose URLs are over for certain, a page by id.</summary>
    public Task<List<Upload>> ToClearAsync(TimeSpan slack, long after, int limit, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<Upload>(
            new(SqlToClear, new { slack, after, limit }, cancellationToken: ct))).AsList(), ct);

    /// <summary>A statement of its own, as of every writer: a repair adds up what is reserved.</summary>
    private const string SqlTakeTurn = "select pg_advisory_xact_lock_shared(@UserId)";

    private const string SqlClear = """
        with old as (
            select id, reserved_bytes from uploads where id = @id and cleared_at is null and ended_at is not null
            for update
        )
        update uploads p set cleared_at = now(), reserved_bytes = 0 from old where p.id = old.id
        returning old.reserved_bytes
        """;

    /// <summary>Nothing is under the staging keys any more: gives the reservation back.</summary>
    public Task ClearAsync(Upload upload, CancellationToken ct) => database.WriteAsync(async transaction =>
    {
        var connection = transaction.Connection!;
        await connection.ExecuteAsync(new(SqlTakeTurn, new { upload.UserId }, transaction, cancellationToken: ct));
        var reserved = await connection.ExecuteScalarAsync<long?>(
            new(SqlClear, new { upload.Id }, transaction, cancellationToken: ct));
        if (reserved > 0)
            await UsageTable.ReserveAsync(transaction, upload.UserId, -reserved.Value, ct);
    }, ct);

    private const string SqlOld = $"""
        select {Columns} from uploads p
        where p.cleared_at is not null and p.ended_at <= now() - @age and p.id > @after order by p.id limit @limit
        """;

    /// <summary>What ended long ago, a page by id.</summary>
    public Task<List<Upload>> OldAsync(TimeSpan age, long after, int limit, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<Upload>(
            new(SqlOld, new { age, after, limit }, cancellationToken: ct))).AsList(), ct);

    private const string SqlMany = $"""
        select {Columns}
        from (select user_id from uploads where cleared_at is not null group by user_id having count(*) > @perUser) u
        cross join lateral (
            select id from uploads o where o.user_id = u.user_id and o.cleared_at is not null
            order by o.id desc offset @perUser) o
        join uploads p on p.id = o.id
        """;

    /// <summary>What ended before many others of its user.</summary>
    public Task<List<Upload>> ManyAsync(int perUser, CancellationToken ct) =>
        database.ScanAsync(async connection => (await connection.QueryAsync<Upload>(
            new(SqlMany, new { perUser }, cancellationToken: ct))).AsList(), ct);

    private const string SqlForget = "delete from uploads where id = any(@ids) and cleared_at is not null";

    /// <summary>Removes rows; from here on the uploads are not found.</summary>
    public Task ForgetAsync(IReadOnlyCollection<long> ids, CancellationToken ct) => database.WriteAsync(transaction =>
        transaction.Connection!.ExecuteAsync(
            new(SqlForget, new { ids = ids.ToArray() }, transaction, cancellationToken: ct)), ct);

    private const string SqlSkipIds = """
        select setval(sequence, nextval(sequence) + @count)
        from (select pg_get_serial_sequence('uploads', 'id')::regclass as sequence) s
        """;

    /// <summary>
    /// Part of what joins a database and a store: a restored copy must not give ids again under whose keys bytes lie.
    /// </summary>
    public static Task SkipIdsAsync(NpgsqlTransaction transaction, CancellationToken ct) =>
        transaction.Connection!.ExecuteAsync(
            new(SqlSkipIds, new { count = 1_000_000_000L }, transaction, cancellationToken: ct));

    private const string SqlLeft = """
        select listed.key from unnest(@keys, @users, @ids, @times) as listed (key, user_id, id, written_at)
        where listed.written_at <= now() - @grace
          and not exists (select from uploads p where p.id = listed.id and p.cleared_at is null offset 0)
          and (exists (select from uploads p where p.id = listed.id and p.user_id = listed.user_id offset 0)
            -- Of users who are deleted, too: their ids are not given again either.
            or (not @onlyRemembered
                and listed.user_id <= pg_sequence_last_value(pg_get_serial_sequence('users', 'id')::regclass)
                and listed.id <= pg_sequence_last_value(pg_get_serial_sequence('uploads', 'id')::regclass)))
        """;

    /// <summary>
    /// Of staged objects, those older than the grace time that no upload uses any more, by its row or, unless only
    /// those are asked for, by an id that was given out. No id is given twice, so nobody can take such a key; and what
    /// another program keeps under a key of this form is not Kosha's.
    /// </summary>
    public Task<List<string>> LeftAsync(
        IReadOnlyCollection<(StoredObject Stored, StagingKey Key)> listed, TimeSpan grace, bool onlyRemembered,
        CancellationToken ct)
    {
        var parameters = new
        {
            keys = listed.Select(found => found.Stored.Key).ToArray(),
            users = listed.Select(found => found.Key.UserId).ToArray(),
            ids = listed.Select(found => found.Key.UploadId).ToArray(),
            times = listed.Select(found => found.Stored.WrittenAt.UtcDateTime).ToArray(),
            grace, onlyRemembered,
        };
        return database.ReadAsync(async connection => (await connection.QueryAsync<string>(
            new(SqlLeft, parameters, cancellationToken: ct))).AsList(), ct);
    }

    // Of an account that is being deleted -----------------------------------------------------------------------------

    private const string SqlEndAll = """
        update uploads set state = 'cancelled', ended_at = now(), verifier = null, verifier_until = null
        where user_id = @userId and ended_at is null
        """;

    /// <summary>
    /// Ends what is open, also what somebody verifies just now: the credential by which it is named holds no more.
    /// </summary>
    public Task EndAllAsync(long userId, CancellationToken ct) => database.WriteAsync(transaction =>
        transaction.Connection!.ExecuteAsync(
            new(SqlEndAll, new { userId }, transaction, cancellationToken: ct)), ct);

    private const string SqlAnyLeft = """
        select exists (select from uploads where user_id = @userId and cleared_at is null)
        """;

    /// <summary>Whether a URL of the user's may still bring bytes, or some are still there.</summary>
    public static Task<bool> AnyLeftAsync(NpgsqlTransaction transaction, long userId, CancellationToken ct) =>
        transaction.Connection!.ExecuteScalarAsync<bool>(
            new(SqlAnyLeft, new { userId }, transaction, cancellationToken: ct));

    private const string SqlForgetAll = "delete from uploads where user_id = @userId and cleared_at is not null";

    public static Task ForgetAllAsync(NpgsqlTransaction transaction, long userId, CancellationToken ct) =>
        transaction.Connection!.ExecuteAsync(
            new(SqlForgetAll, new { userId }, transaction, cancellationToken: ct));
}
