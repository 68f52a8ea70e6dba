using System.Globalization;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>
/// A folder of 10,000 children, on an external database of which the log shows every statement: few statements, flat
/// memory, and nothing held for a client that stops reading.
/// </summary>
[Collection(Alone.Name)]
public sealed class ListingTests(SharedPostgres postgres)
{
    private const int Children = 10_000;
    private const int StalledClients = 60;
    private const int MaxStatements = 10;
    private const long MaxMemoryKilobytes = 250_000;
    private const string Stat = "<D:propfind xmlns:D='DAV:'><D:prop><D:getlastmodified/></D:prop></D:propfind>";

    [Fact]
    public async Task Ten_thousand_children_need_few_statements_little_memory_and_no_waiting_connection()
    {
        var server = await postgres.Durable;
        var connectionString = await server.NewEmptyDatabaseAsync();
        await using var kosha = await StatementLog.StartAsync(connectionString);
        using var drive = await kosha.NewDriveAsync();
        await FillAsync(drive);

        await CountStatementsAsync(drive, server, connectionString);
        await CountProbesAsync(drive, server, connectionString);
        await StallAsync(drive, connectionString);
        Assert.InRange(Figures.HighestMemory(kosha.Pid), 1, MaxMemoryKilobytes);
        await kosha.StopAsync();
    }

    private static async Task FillAsync(DavClient drive)
    {
        (await drive.MkcolAsync("many")).Must(201);
        await Parallel.ForAsync(0, Children, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) =>
            (await drive.PutAsync(string.Create(CultureInfo.InvariantCulture, $"many/file-{i:D5}.txt"), [])).Must(201));
    }

    private static async Task CountStatementsAsync(DavClient drive, TestPostgres server, string connectionString)
    {
        // The second listing of all is counted: the first may prepare statements and verify a password.
        Assert.Equal(Children, (await drive.ListAsync("many")).Names.Count());
        var statements = await StatementLog.CountAsync(server, connectionString, drive, async () =>
            Assert.Equal(Children, (await drive.ListAsync("many")).Names.Count()));
        Figures.Show($"{statements} statements for {Children} children");
        Assert.InRange(statements, 1, MaxStatements);
    }

    /// <summary>Finder asks for many names that nobody has made.</summary>
    private static async Task CountProbesAsync(DavClient drive, TestPostgres server, string connectionString)
    {
        string[] names = ["._.", ".DS_Store", ".hidden", "._file-00001.txt", ".metadata_never_index", "Contents"];
        var statements = await StatementLog.CountAsync(server, connectionString, drive, async () =>
        {
            foreach (var name in names)
                (await drive.PropfindAsync("many/" + name, "0", Stat)).Must(404);
        });
        Assert.InRange(statements, 1, names.Length);
    }

    private static async Task StallAsync(DavClient drive, string connectionString)
    {
        var stalled = new List<RawConnection>();
        try
        {
            for (var i = 0; i < StalledClients; i++)
            {
                stalled.Add(await RawConnection.OpenAsync(drive.Server, receiveBuffer: 4096));
                await stalled[i].SendHeadAsync(drive, "PROPFIND", "many", "Depth: 1", "Content-Length: 0");
                Assert.StartsWith("HTTP/1.1 207", await stalled[i].ReadHeadAsync(), StringComparison.Ordinal);
            }
            await Eventually.TrueAsync("no connection works for clients that do not read",
                async () => (long)(await Sql.ExecuteAsync(connectionString, SqlBusyConnections))! == 0);
            // Others are served meanwhile, writes too.
            for (var i = 0; i < 20; i++)
                (await drive.PutAsync("beside", i.ToString(CultureInfo.InvariantCulture))).Must(201, 204);
            var whole = await Figures.TimeAsync("a whole listing beside them", () => drive.ListAsync("many"));
            Assert.Equal(Children, whole.Names.Count());
            Assert.Equal(0L, await Sql.ExecuteAsync(connectionString, SqlBusyConnections));
        }
        finally
        {
            stalled.ForEach(connection => connection.Dispose());
        }
    }

    private const string SqlBusyConnections = """
        select count(*) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'
        """;
}
