using Dapper;
using Npgsql;

namespace Kosha.Storage;

/// <summary>What became of a transaction whose COMMIT was not answered.</summary>
internal enum CommitOutcome
{
    Unknown,
    Committed,
    Aborted,
}

/// <summary>
/// A running transaction's identity, by which the server tells afterwards what became of it. It must be known before
/// COMMIT is sent, for the same cut may lose everything that the server says after it. So the work reads it with its
/// first statement, at no extra round trip.
/// </summary>
internal sealed class CommitWitness
{
    /// <summary>
    /// The value of <see cref="Id"/>: the transaction's id, and when the server last counted its statistics from zero.
    /// It does so after a crash, and a crash may give an id that no flushed record mentions to another transaction.
    /// </summary>
    public const string Sql =
        "concat_ws(' ', pg_current_xact_id(), extract(epoch from pg_stat_get_bgwriter_stat_reset_time()))";

    private const string SqlStatus = $"""
        select pg_xact_status(@xid::xid8) as status,
               extract(epoch from pg_stat_get_bgwriter_stat_reset_time())::text as life
        """;

    /// <summary>How long a server may take to come back, or a transaction to end.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private sealed record TransactionStatus(string? Status, string? Life);

    /// <summary>Null as long as the transaction has not asked for it.</summary>
    public string? Id { get; set; }

    /// <summary>Asks on another connection until the server answers and the transaction has ended.</summary>
    public async Task<CommitOutcome> AskAsync(NpgsqlDataSource source)
    {
        if (Id?.Split(' ') is not [var xid, var life])
            return CommitOutcome.Unknown;
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            while (true)
            {
                if (await TryAskAsync(source, xid, life, limit.Token) is { } outcome)
                    return outcome;
                await Task.Delay(Interval, limit.Token);
            }
        }
        catch (OperationCanceledException)
        {
            return CommitOutcome.Unknown;
        }
    }

    private static async Task<CommitOutcome?> TryAskAsync(
        NpgsqlDataSource source, string xid, string life, CancellationToken ct)
    {
        try
        {
            await using var connection = await source.OpenConnectionAsync(ct);
            var found = await connection.QuerySingleAsync<TransactionStatus>(
                new(SqlStatus, new { xid }, cancellationToken: ct));
            return Judge(found.Status, isSameLife: found.Life == life);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InvalidParameterValue)
        {
            // An id in the future: the server that came back never heard of it.
            return CommitOutcome.Aborted;
        }
        catch (Exception e) when (Database.IsUnavailable(e) && !ct.IsCancellationRequested)
        {
            return null;
        }
    }

    // After a crash only a lost transaction's id is found running, and whoever bears it in the end, only "aborted" is
    // true of the lost one too.
    private static CommitOutcome? Judge(string? status, bool isSameLife) => (status, isSameLife) switch
    {
        ("committed", true) => CommitOutcome.Committed,
        ("aborted", _) or ("in progress", false) => CommitOutcome.Aborted,
        ("in progress", true) => null,
        _ => CommitOutcome.Unknown,
    };
}
