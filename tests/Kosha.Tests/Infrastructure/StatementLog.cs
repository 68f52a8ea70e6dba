namespace Kosha.Tests.Infrastructure;

/// <summary>Counts the statements that a running Kosha sends to an external database, by that server's log.</summary>
public static class StatementLog
{
    /// <summary>Letters of each statement that a failed test shows.</summary>
    private const int MaxShown = 160;

    private const string SqlReconnect = """
        select count(pg_terminate_backend(pid)) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()
        """;

    /// <summary>A daemon on that database, without the jobs that run every few minutes: they have statements, too.
    /// </summary>
    public static Task<KoshaProcess> StartAsync(string connectionString) => KoshaProcess.StartNewAsync(
        ("Database:ConnectionString", connectionString), ("Jobs:upload-expiry:Enabled", "false"),
        ("Jobs:delete-accounts:Enabled", "false"));

    /// <summary>Nobody else may use the server meanwhile. Do the work once before, so that it is prepared.</summary>
    public static async Task<int> CountAsync(
        TestPostgres server, string connectionString, DavClient drive, Func<Task> work)
    {
        await Sql.ExecuteAsync(connectionString, "alter role kosha set log_statement = 'all'");
        await Sql.ExecuteAsync(connectionString, SqlReconnect);
        await Eventually.TrueAsync("Kosha reconnects", async () => (await drive.PropfindAsync("", "0")).Status == 207);
        var before = server.Log.Length;
        await work();
        await Sql.ExecuteAsync(connectionString, "select 'all is logged'");
        var log = server.Log[before..];
        await Sql.ExecuteAsync(connectionString, "alter role kosha reset log_statement");
        var statements = log.Split('\n').Where(IsStatement).ToList();
        foreach (var statement in statements)
            Figures.Show(statement[..Math.Min(statement.Length, MaxShown)]);
        return statements.Count - 1;
    }

    /// <summary>
    /// Those of the schedule do not count: its daemons say every few seconds that they live, and look for messages to
    /// webhooks.
    /// </summary>
    private static bool IsStatement(string line) =>
        (line.Contains("LOG:  statement: ", StringComparison.Ordinal)
            || line.Contains("LOG:  execute ", StringComparison.Ordinal))
        && !line.Contains("qrtz_", StringComparison.OrdinalIgnoreCase)
        && !line.Contains("waiting (webhook_id)", StringComparison.Ordinal)
        && !line.Contains("job_runs", StringComparison.Ordinal)
        && !line.EndsWith(": BEGIN", StringComparison.Ordinal) && !line.EndsWith(": COMMIT", StringComparison.Ordinal);
}
