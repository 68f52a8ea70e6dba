using System.Globalization;
using System.Text;
using Npgsql;

namespace Kosha.Daemon.EmbeddedPostgres;

/// <summary>
/// The private cluster in the data folder: its files, how it is made, and how it is reached (by a socket in a folder of
/// mode 0700, never over TCP). Only the holder of the data folder's lock may make or start it.
/// </summary>
internal sealed class PostgresCluster
{
    private const string UserName = "kosha";
    private const string DatabaseName = "kosha";

    /// <summary>What fits into a socket's address on Linux, in bytes.</summary>
    private const int MaxSocketPathBytes = 107;

    private static readonly TimeSpan OrphanPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan OrphanLimit = TimeSpan.FromMinutes(5);

    private static readonly string[] Troubles = ["ERROR:", "FATAL:", "PANIC:"];

    private readonly DataFolder folder;

    public PostgresCluster(DataFolder folder)
    {
        this.folder = folder;
        if (Problem(folder.Path) is { } problem)
            throw new OperatorException(problem);
    }

    public string Files => folder["postgres"];

    public string SocketFolder => folder["run"];

    public string ConnectionString => new NpgsqlConnectionStringBuilder
    {
        Host = SocketFolder,
        Username = UserName,
        Database = DatabaseName,
        SslMode = SslMode.Disable,
        GssEncryptionMode = GssEncryptionMode.Disable,
    }.ConnectionString;

    /// <summary>Why no cluster can live in this data folder; null if one can.</summary>
    public static string? Problem(string dataDirectory)
    {
        var socket = Path.Combine(dataDirectory, "run", ".s.PGSQL.5432");
        if (Encoding.UTF8.GetByteCount(socket) > MaxSocketPathBytes)
            return $"DataDirectory: {socket} is longer than the {MaxSocketPathBytes} bytes that a socket's path may "
                + "have; choose a shorter path.";
        return dataDirectory.Contains(',', StringComparison.Ordinal)
            ? $"DataDirectory: {dataDirectory} has a comma, which separates hosts for the database's client; choose "
                + "another path."
            : null;
    }

    /// <summary>The major version that made the cluster; null if there is none yet.</summary>
    public static int? Major(string dataDirectory)
    {
        var file = Path.Combine(dataDirectory, "postgres", "PG_VERSION");
        return File.Exists(file) ? int.Parse(File.ReadAllText(file).Trim(), CultureInfo.InvariantCulture) : null;
    }

    /// <summary>
    /// Finds the program, makes the cluster if there is none, and waits until whoever ran it before is gone.
    /// </summary>
    public async Task<PostgresBinaries> PrepareAsync(ILogger logger, CancellationToken ct)
    {
        var binaries = await PostgresBinaries.FindAsync(Major(folder.Path), ct);
        Directory.CreateDirectory(SocketFolder, DataFolder.PrivateFolder);
        if (Major(folder.Path) is null)
            await CreateAsync(binaries, logger, ct);
        await WaitUntilDesertedAsync(logger, ct);
        return binaries;
    }

    /// <summary>
    /// Made under another name and renamed when it is whole, so that a crash leaves nothing half-made.
    /// </summary>
    private async Task CreateAsync(PostgresBinaries binaries, ILogger logger, CancellationToken ct)
    {
        logger.LogInformation("Creating a PostgreSQL {Major} cluster in {Folder}.", binaries.Major, Files);
        var unfinished = folder["postgres.new"];
        if (Directory.Exists(unfinished))
            Directory.Delete(unfinished, recursive: true);
        string[] arguments = ["--pgdata", unfinished, "--encoding=UTF8", "--locale=C", "--lc-collate=C",
            "--lc-ctype=C.UTF-8", "--data-checksums", "--auth=trust", $"--username={UserName}", "--no-instructions"];
        await RunAsync(binaries.InitDb, arguments, input: "", ct);
        // Without a server, so that nobody else can meet the cluster before it is whole.
        string[] single = ["--single", "-D", unfinished, "postgres"];
        await RunAsync(binaries.Postgres, single, $"create database {DatabaseName}\n", ct);
        Directory.Move(unfinished, Files);
        await RunAsync("sync", ["--", folder.Path], input: "", ct);
    }

    private async Task RunAsync(string file, string[] arguments, string input, CancellationToken ct)
    {
        var (exitCode, output) = await ChildProcess.RunAsync(file, arguments, folder.Path, ct, input);
        // A server without a listener says that a statement failed, and ends well all the same.
        if (exitCode != 0 || Troubles.Any(trouble => output.Contains(trouble, StringComparison.Ordinal)))
            throw new OperatorException($"The private PostgreSQL cannot be made in {folder.Path}. "
                + $"{Path.GetFileName(file)} says:\n{output}");
    }

    /// <summary>
    /// After a kill -9 of its daemon Postgres gets SIGINT from the system and needs a moment; after a kill -9 of its
    /// own, so do its backends. When nobody works in the cluster any more, the process id that it left behind means
    /// nothing (it may be another process's by now), and goes.
    /// </summary>
    private async Task WaitUntilDesertedAsync(ILogger logger, CancellationToken ct)
    {
        var started = TimeProvider.System.GetTimestamp();
        var askAfter = OrphanPatience;
        while (Inhabitants() is { Count: > 0 } pids)
        {
            var waited = TimeProvider.System.GetElapsedTime(started);
            if (waited > OrphanLimit)
                throw new OperatorException($"Another PostgreSQL still runs in {Files} (process {pids[0]}) and does "
                    + "not stop. Stop it.");
            if (waited > askAfter)
            {
                askAfter += OrphanPatience;
                logger.LogWarning("A PostgreSQL without its daemon still runs in {Files}; asking it to stop.", Files);
                _ = Native.Kill(PostmasterAmong(pids), Native.SigInt);
            }
            await Task.Delay(TimeSpan.FromMilliseconds(50), ct);
        }
        File.Delete(Path.Combine(Files, "postmaster.pid"));
        foreach (var left in Directory.EnumerateFiles(SocketFolder, ".s.PGSQL.*"))
            File.Delete(left);
    }

    // Its file says who it is, unless that is gone or of another life; ids grow, so it is the lowest then.
    private int PostmasterAmong(List<int> pids)
    {
        var file = Path.Combine(Files, "postmaster.pid");
        var line = File.Exists(file) ? File.ReadLines(file).FirstOrDefault() : null;
        return int.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out var pid) && pids.Contains(pid)
            ? pid : pids[0];
    }

    // Every process of Postgres has the cluster as its working directory; so may a shell of the operator's.
    private List<int> Inhabitants()
    {
        var files = Native.RealPath(Files);
        var found = new List<int>();
        foreach (var process in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(process), NumberStyles.None, CultureInfo.InvariantCulture, out var pid))
                continue;
            try
            {
                if (new FileInfo(Path.Combine(process, "cwd")).LinkTarget == files
                    && File.ReadAllText(Path.Combine(process, "comm")).TrimEnd() == "postgres")
                    found.Add(pid);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Ended meanwhile, or another user's.
            }
        }
        found.Sort();
        return found;
    }

    /// <summary>The server's arguments: reachable by its socket only, durable, and modest in memory.</summary>
    public IReadOnlyList<string> ServerArguments()
    {
        (string Name, string Value)[] settings =
        [
            ("listen_addresses", ""), ("unix_socket_directories", SocketFolder), ("unix_socket_permissions", "0700"),
            ("max_connections", "100"), ("shared_buffers", "128MB"), ("jit", "off"),
            ("fsync", "on"), ("full_page_writes", "on"), ("synchronous_commit", "on"),
            ("wal_compression", "on"), ("max_wal_size", "1GB"), ("checkpoint_timeout", "15min"),
            ("autovacuum", "on"), ("track_io_timing", "off"), ("timezone", "UTC"), ("log_timezone", "UTC"),
            // The client of an error logs it with what it means; the server's own words about itself come here.
            ("logging_collector", "off"), ("log_destination", "stderr"), ("log_line_prefix", ""),
            ("log_min_messages", "log"),
        ];
        return ["-D", Files, .. settings.SelectMany(setting => new[] { "-c", $"{setting.Name}={setting.Value}" })];
    }
}
