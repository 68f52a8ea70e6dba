using System.Diagnostics;
using System.Globalization;
using Kosha.Storage;
using Npgsql;
using Xunit;

namespace Kosha.Tests.Infrastructure;

/// <summary>
/// A Postgres server of the tests, on a Unix socket in a folder of its own: for tests of storage alone, and for a Kosha
/// with an external database. It ends with the test program, however that ends.
/// </summary>
public sealed class TestPostgres : IAsyncDisposable
{
    private const string User = "kosha";
    private const string Template = "kosha_template";

    private readonly TestFolder folder = new();
    private readonly SemaphoreSlim templateGate = new(1);
    private bool hasTemplate;
    private int databases;
    private int postmaster;

    private TestPostgres()
    {
    }

    /// <summary>Everything the server has logged.</summary>
    public string Log => File.Exists(folder["log"]) ? File.ReadAllText(folder["log"]) : "";

    /// <summary>
    /// Not durable is faster, and what Kosha refuses: for tests that open a <see cref="Database"/> themselves.
    /// </summary>
    public static async Task<TestPostgres> StartAsync(bool durable)
    {
        var server = new TestPostgres();
        try
        {
            await server.InitializeAsync();
            server.StartServer(durable);
            await Eventually.TrueAsync("Postgres answers", server.AnswersAsync);
            return server;
        }
        catch (Exception e)
        {
            var log = server.Log;
            await server.DisposeAsync();
            throw new InvalidOperationException($"No Postgres for the tests:\n{log}", e);
        }
    }

    private async Task InitializeAsync()
    {
        // initdb refuses root, so root's tests let Postgres run as the user of Debian's package.
        if (Environment.IsPrivilegedProcess)
            (await Tool.RunAsync("chown", "postgres", folder.Path)).MustSucceed();
        var (program, arguments) = AsServer("initdb", "--pgdata", folder["pg"], "--username", User, "--auth", "trust",
            "--encoding", "UTF8", "--lc-collate", "C", "--lc-ctype", "C.UTF-8", "--no-sync");
        (await Tool.RunAsync(new ToolStart(program, arguments) { Folder = "/" })).MustSucceed();
    }

    private void StartServer(bool durable)
    {
        string[] settings =
        [
            "listen_addresses=", $"unix_socket_directories={folder.Path}", "max_connections=200",
            $"fsync={(durable ? "on" : "off")}", "log_line_prefix=%d|", "logging_collector=off",
        ];
        var (program, arguments) = AsServer("postgres",
            ["-D", folder["pg"], .. settings.SelectMany(setting => new[] { "-c", setting })]);
        var command = string.Join(' ', arguments.Prepend(program).Select(Quoted));
        var started = new TaskCompletionSource<int>();
        // The signal that ends the server is sent when this thread ends, so the thread lives as long as the program.
        new Thread(() =>
        {
            var script = $"exec {command} >>'{folder["log"]}' 2>&1";
            using var process = Process.Start(new ToolStart("sh", ["-c", script]) { Folder = "/" }.Info())!;
            started.SetResult(process.Id);
            process.WaitForExit();
        })
        { IsBackground = true }.Start();
        postmaster = started.Task.GetAwaiter().GetResult();
    }

    private static (string Program, string[] Arguments) AsServer(string name, params string[] arguments)
    {
        string[] drop = Environment.IsPrivilegedProcess
            ? ["--reuid", "postgres", "--regid", "postgres", "--init-groups"] : [];
        return ("setpriv", [.. drop, "--pdeathsig", "INT", "--", Path.Combine(BinFolder, name), .. arguments]);
    }

    private static string BinFolder => Directory.GetDirectories("/usr/lib/postgresql")
        .OrderByDescending(path => double.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture))
        .Select(path => Path.Combine(path, "bin")).First(path => File.Exists(Path.Combine(path, "initdb")));

    private string ConnectionStringFor(string database) =>
        $"Host={folder.Path};Username={User};Database={database}";

    private async Task<bool> AnswersAsync()
    {
        if (!ProcessTree.Exists(postmaster))
            Assert.Fail("Postgres has ended.");
        try
        {
            await ExecuteAsync("postgres", "select 1");
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    /// <summary>An empty database for a Kosha to start on.</summary>
    /// <returns>Its connection string.</returns>
    public async Task<string> NewEmptyDatabaseAsync()
    {
        var name = $"empty_{Interlocked.Increment(ref databases)}";
        await ExecuteAsync("postgres", $"create database {name}");
        return ConnectionStringFor(name);
    }

    /// <summary>A database with Kosha's schema and nothing in it but the default plan.</summary>
    public async Task<Database> NewDatabaseAsync()
    {
        await PrepareTemplateAsync();
        var name = $"copy_{Interlocked.Increment(ref databases)}";
        await ExecuteAsync("postgres", $"create database {name} template {Template} strategy wal_log");
        return new Database(ConnectionStringFor(name));
    }

    private async Task PrepareTemplateAsync()
    {
        await templateGate.WaitAsync();
        try
        {
            if (hasTemplate)
                return;
            await ExecuteAsync("postgres", $"create database {Template}");
            // A pooled connection would stand in the way of copying.
            await using (var database = new Database(ConnectionStringFor(Template) + ";Pooling=false"))
                await database.MigrateAsync(CancellationToken.None);
            hasTemplate = true;
        }
        finally
        {
            templateGate.Release();
        }
    }

    private static string Quoted(string word) => $"'{word}'";

    private Task<object?> ExecuteAsync(string database, string sql) =>
        Sql.ExecuteAsync(ConnectionStringFor(database), sql);

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        if (postmaster != 0 && ProcessTree.Exists(postmaster))
        {
            ProcessTree.Signal(postmaster, ProcessTree.SigInt);
            await Eventually.TrueAsync("Postgres ends", () => !ProcessTree.Exists(postmaster));
        }
        templateGate.Dispose();
        folder.Dispose();
    }
}
