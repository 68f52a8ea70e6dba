namespace Kosha.Tests.Infrastructure;

/// <summary>Counts the statements that a running Kosha sends to an external database, by that server's log.</summary>
public static class StatementLog
{
    private const string SqlReconnect = """
        select count(pg_terminate_backend(pid)) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()
        """;

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
        var statements = log.Split('\n').Count(IsStatement) - 1;
        Figures.Show($"{statements} statements logged");
        return statements;
    }

    private static bool IsStatement(string line) =>
        line.Contains("LOG:  statement: ", StringComparison.Ordinal)
        || line.Contains("LOG:  execute ", StringComparison.Ordinal);
}
