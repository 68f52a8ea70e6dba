using System.Diagnostics;
using Npgsql;

namespace Kosha.Daemon.EmbeddedPostgres;

/// <summary>
/// The running server of the private cluster. The kernel stops it when the daemon dies (the parent-death signal), it is
/// started again when it dies itself, and disposing of this stops it. It has a session of its own, so that a Ctrl-C in
/// the terminal reaches the daemon alone, which still needs the database to finish.
/// </summary>
internal sealed class Postmaster : IAsyncDisposable
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan FirstBackOff = TimeSpan.FromMilliseconds(200);

    private const int MostFailures = 3;
    private static readonly string[] Troubles = ["FATAL:", "PANIC:", "ERROR:"];

    /// <summary>A server that lived this long was well: the back-off begins anew.</summary>
    private static readonly TimeSpan HealthyLife = TimeSpan.FromMinutes(1);

    private readonly PostgresCluster cluster;
    private readonly PostgresBinaries binaries;
    private readonly ILogger logger;
    private readonly ManualResetEventSlim stopping = new();
    private readonly TaskCompletionSource over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource gaveUp = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock gate = new();
    private Process? process;
    private volatile string lastComplaint = "";
    private volatile bool wasReady;

    private Postmaster(PostgresCluster cluster, PostgresBinaries binaries, ILogger logger)
    {
        this.cluster = cluster;
        this.binaries = binaries;
        this.logger = logger;
    }

    /// <summary>Starts the server and waits until it answers.</summary>
    /// <exception cref="OperatorException">It does not start; the message holds its own last words.</exception>
    public static async Task<Postmaster> StartAsync(PostgresCluster cluster, ILogger logger, CancellationToken ct)
    {
        var postmaster = new Postmaster(cluster, await cluster.PrepareAsync(logger, ct), logger);
        // The parent-death signal comes when the thread ends that started the child, so it must not be one of the pool.
        new Thread(postmaster.Supervise) { Name = "postmaster", IsBackground = true }.Start();
        try
        {
            await postmaster.WaitUntilItAnswersAsync(ct);
            return postmaster;
        }
        catch
        {
            await postmaster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Lets the server write everything down and end; kills it only if it cannot.</summary>
    public async ValueTask DisposeAsync()
    {
        stopping.Set();
        Signal(Native.SigInt);
        if (await Task.WhenAny(over.Task, Task.Delay(StopPatience)) != over.Task)
        {
            logger.LogWarning("PostgreSQL does not stop; it will recover at the next start.");
            Signal(Native.SigQuit);
            await over.Task;
        }
        stopping.Dispose();
    }

    private void Signal(int signal)
    {
        lock (gate)
        {
            if (process is { HasExited: false } running)
                _ = Native.Kill(running.Id, signal);
        }
    }

    private void Supervise()
    {
        var backOff = FirstBackOff;
        var failures = 0;
        var started = Stopwatch.GetTimestamp();
        try
        {
            while (!stopping.IsSet)
            {
                var birth = Stopwatch.GetTimestamp();
                var exitCode = RunServer();
                if (stopping.IsSet)
                    return;
                if (!wasReady && (++failures == MostFailures && !IsPassing(lastComplaint)
                    || Stopwatch.GetElapsedTime(started) > StartPatience))
                {
                    gaveUp.TrySetResult();
                    return;
                }
                backOff = Stopwatch.GetElapsedTime(birth) > HealthyLife ? FirstBackOff : backOff;
                if (wasReady)
                    logger.LogWarning("PostgreSQL ended with code {ExitCode}; starting it again.", exitCode);
                stopping.Wait(backOff);
                backOff = TimeSpan.FromTicks(Math.Min(LongestBackOff.Ticks, backOff.Ticks * 2));
            }
        }
        catch (Exception e)
        {
            // Nothing but a system without threads or processes to give; the daemon stays up and says that it is not
            // ready.
            lastComplaint = e.Message;
            logger.LogError(e, "PostgreSQL cannot be started.");
            gaveUp.TrySetResult();
        }
        finally
        {
            over.TrySetResult();
        }
    }

    // What a server that was killed may leave behind for a moment.
    private static bool IsPassing(string complaint) =>
        complaint.Contains("still in use", StringComparison.Ordinal)
        || complaint.Contains("lock file", StringComparison.Ordinal);

    private int RunServer()
    {
        string[] wrappers = ["setpriv", "--pdeathsig", "INT", "--"];
        string[] arguments = [.. wrappers, binaries.Postgres, .. cluster.ServerArguments()];
        var info = ChildProcess.StartInfo("setsid", arguments, cluster.Files);
        using var server = new Process { StartInfo = info };
        server.OutputDataReceived += (_, e) => Hear(e.Data);
        server.ErrorDataReceived += (_, e) => Hear(e.Data);
        lock (gate)
        {
            server.Start();
            process = server;
            // Told to stop between the last look and the start.
            if (stopping.IsSet)
                _ = Native.Kill(server.Id, Native.SigInt);
        }
        server.StandardInput.Close();
        server.BeginOutputReadLine();
        server.BeginErrorReadLine();
        server.WaitForExit();
        lock (gate)
            process = null;
        return server.ExitCode;
    }

    private void Hear(string? line)
    {
        if (string.IsNullOrWhiteSpace(line))
            return;
        var isTrouble = Troubles.Any(trouble => line.StartsWith(trouble, StringComparison.Ordinal));
        if (isTrouble)
            lastComplaint = line;
        // Until it is ready it refuses those who ask whether it is, and a start that fails tells its last words itself.
        var isExpected = !wasReady || stopping.IsSet
            || line.Contains("the database system is", StringComparison.Ordinal);
        if (isTrouble && !isExpected)
            logger.LogWarning("PostgreSQL: {Line}", line);
        else
            logger.LogDebug("PostgreSQL: {Line}", line);
    }

    private async Task WaitUntilItAnswersAsync(CancellationToken ct)
    {
        var connectionString = cluster.ConnectionString + ";Pooling=false;Timeout=5";
        var started = Stopwatch.GetTimestamp();
        var told = false;
        while (!await AnswersAsync(connectionString, ct))
        {
            if (gaveUp.Task.IsCompleted)
                throw new OperatorException($"The private PostgreSQL does not start. Its last words: {lastComplaint}");
            if (!told && Stopwatch.GetElapsedTime(started) > TimeSpan.FromSeconds(5))
            {
                told = true;
                logger.LogInformation(
                    "PostgreSQL is still starting; after a crash it first recovers. {Complaint}", lastComplaint);
            }
            await Task.Delay(TimeSpan.FromMilliseconds(25), ct);
        }
        wasReady = true;
    }

    private static async Task<bool> AnswersAsync(string connectionString, CancellationToken ct)
    {
        try
        {
            await using var connection = new NpgsqlConnection(connectionString);
            await connection.OpenAsync(ct);
            return true;
        }
        catch (PostgresException e) when (e.SqlState != PostgresErrorCodes.CannotConnectNow)
        {
            throw new OperatorException($"The private PostgreSQL refuses Kosha: {e.MessageText}", e);
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }
}
