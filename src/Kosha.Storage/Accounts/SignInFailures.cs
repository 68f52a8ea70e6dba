using Dapper;
using Npgsql;

namespace Kosha.Storage.Accounts;

/// <summary>
/// The table <c>sign_in_failures</c>: how often a sign-in failed, or anything else was tried that has a limit, by
/// subject (a user at an address, or an address), in windows that begin with the first. Counted here, the limit holds
/// across daemons and restarts.
/// </summary>
public sealed class SignInFailures(Database database)
{
    /// <summary>How long a failure counts.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(10);

    /// <summary>Rows of past windows removed with each failure: more than one adds, so the table stays small.</summary>
    private const int CleanupBatch = 20;

    private const string SqlSecondsToWait = """
        select ceil(extract(epoch from max(f.window_start + @Window - now())))::int
        from sign_in_failures f join unnest(@subjects, @limits) as l (subject, most) on l.subject = f.subject
        where f.failures >= l.most and f.window_start > now() - @Window
        """;

    /// <summary>How long to wait until the next attempt; null if none of the subjects has reached its limit.</summary>
    public Task<TimeSpan?> WaitAsync(string[] subjects, int[] limits, CancellationToken ct) =>
        database.ReadAsync(async connection =>
        {
            var seconds = await connection.ExecuteScalarAsync<int?>(
                new CommandDefinition(SqlSecondsToWait, new { subjects, limits, Window }, cancellationToken: ct));
            return seconds is { } s ? TimeSpan.FromSeconds(Math.Max(1, s)) : (TimeSpan?)null;
        }, ct);

    // Subjects in order, so that two failures at once cannot wait for each other in a circle.
    private const string SqlCount = """
        insert into sign_in_failures as f (subject, failures, window_start)
        select subject, 1, now() from unnest(@subjects) as subject order by subject
        on conflict (subject) do update set
            failures = case when f.window_start > now() - @Window then f.failures + 1 else 1 end,
            window_start = case when f.window_start > now() - @Window then f.window_start else now() end
        """;

    private const string SqlCleanUp = """
        delete from sign_in_failures where subject in (
            select subject from sign_in_failures where window_start < now() - @Window
            order by window_start limit @CleanupBatch for update skip locked)
        """;

    /// <summary>Counts one failure for each subject.</summary>
    public Task CountAsync(string[] subjects, CancellationToken ct) => database.WriteAsync(async transaction =>
    {
        var connection = transaction.Connection!;
        await connection.ExecuteAsync(SqlCount, new { subjects, Window }, transaction);
        await connection.ExecuteAsync(SqlCleanUp, new { Window, CleanupBatch }, transaction);
    }, ct);

    // Whoever waited for the row has an earlier now() than it: the wait is no longer than the period for that.
    private const string SqlCountAttempt = """
        insert into sign_in_failures as f (subject, failures, window_start)
        values (@subject, 1, now() + @period - @Window)
        on conflict (subject) do update set
            failures = case when f.window_start > now() - @Window then least(f.failures, @limit) + 1 else 1 end,
            window_start = case when f.window_start > now() - @Window then f.window_start
                else now() + @period - @Window end
        returning case when f.failures > @limit
            then ceil(extract(epoch from least(@period, f.window_start + @Window - now())))::int end
        """;

    /// <summary>
    /// Counts an attempt, good or not, in the same moment in which it looks at the limit. Null: it is within it; else
    /// how long to wait until the next one.
    /// </summary>
    /// <param name="subject">Whose attempts.</param>
    /// <param name="limit">How many.</param>
    /// <param name="period">
    /// In which time, from the first on. Another one than <see cref="Window"/> is kept as a window that begins as much
    /// later or earlier.
    /// </param>
    /// <param name="ct">Ends it.</param>
    public Task<TimeSpan?> CountAttemptAsync(string subject, int limit, TimeSpan period, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            var wait = await CountAttemptAsync(transaction, subject, limit, period, ct);
            await transaction.Connection!.ExecuteAsync(
                new(SqlCleanUp, new { Window, CleanupBatch }, transaction, cancellationToken: ct));
            return wait;
        }, ct);

    /// <summary>The same as part of what is attempted: only what is done counts in the end.</summary>
    internal static async Task<TimeSpan?> CountAttemptAsync(
        NpgsqlTransaction transaction, string subject, int limit, TimeSpan period, CancellationToken ct) =>
        await transaction.Connection!.ExecuteScalarAsync<int?>(
            new(SqlCountAttempt, new { subject, limit, period, Window }, transaction, cancellationToken: ct))
        is { } seconds ? TimeSpan.FromSeconds(Math.Max(1, seconds)) : null;

    private const string SqlForget = "delete from sign_in_failures where subject = @subject";

    /// <summary>A success ends the count of this subject.</summary>
    public Task ForgetAsync(string subject, CancellationToken ct) => database.WriteAsync(transaction =>
        transaction.Connection!.ExecuteAsync(
            new CommandDefinition(SqlForget, new { subject }, transaction, cancellationToken: ct)), ct);
}
