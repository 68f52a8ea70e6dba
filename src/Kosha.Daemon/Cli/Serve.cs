using Kosha.Daemon.Logs;
using Kosha.Daemon.Web;
using Kosha.Storage.Blobs;
using Serilog.Extensions.Logging;

namespace Kosha.Daemon.Cli;

/// <summary>The daemon from its start to its end.</summary>
internal static class Serve
{
    public const string What = "kosha serve";

    /// <summary>For handlers whose clients have been cut off already.</summary>
    private static readonly TimeSpan HandlersPatience = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan ReportPatience = TimeSpan.FromSeconds(20);

    /// <summary>Threads wait for fsync, more of them than a small machine has processors.</summary>
    private const int MinThreads = 16;

    public static async Task<int> RunAsync(KoshaOptions options, StopSignals signals)
    {
        var threads = Math.Max(MinThreads, Environment.ProcessorCount);
        ThreadPool.SetMinThreads(threads, threads);
        using var log = ConsoleLog.ForDaemon(options);
        using var loggers = new SerilogLoggerFactory(log);
        var logger = loggers.CreateLogger("Kosha");
        await using var installation = await Installation.OpenAsync(
            options, new(What, Serves: true), logger, signals.Stopping);
        using var blobs = await BlobStorage.OpenToServeAsync(options, installation.Database, signals.Stopping);
        await LogReportAsync(options, blobs, logger, signals.Stopping);
        var password = await FirstAdministrator.EnsureAsync(installation, options.AdminPassword, signals.Stopping);
        await MasterKey.RequireSameAsync(options, installation, signals.Stopping);
        await using var app = WebHost.Build(options, installation, blobs, BlobStorage.OpenSpool(options), loggers);
        await StartAsync(app, signals.Stopping);
        Announce(options, Listening.Urls(app), installation.Folder, password);
        await WaitAsync(app.Lifetime.ApplicationStopping, signals.Stopping);
        logger.LogInformation(
            "Stopping: running requests may finish for {Seconds} s.", options.ShutdownGrace.TotalSeconds);
        await StopAsync(app, options.ShutdownGrace, signals.Hurrying);
        var running = app.Services.GetRequiredService<RunningRequests>();
        if (await running.WaitForEndAsync(HandlersPatience, TimeProvider.System) is > 0 and var left)
            logger.LogWarning("{Count} requests do not end; the database stops under them.", left);
        // Nobody asked it to stop: whoever watches over it should start it again.
        return signals.Stopping.IsCancellationRequested ? 0 : 1;
    }

    /// <summary>A store that leaves some question unanswered must not keep Kosha from serving.</summary>
    private static async Task LogReportAsync(
        KoshaOptions options, IBlobStore blobs, ILogger logger, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(ReportPatience);
        try
        {
            await BlobStorage.LogReportAsync(options, blobs, logger, limit.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            logger.LogWarning("What the blob store can do could not be tried within {Seconds} s; "
                + "'kosha config check' tries again.", ReportPatience.TotalSeconds);
        }
    }

    private static async Task StartAsync(WebApplication app, CancellationToken ct)
    {
        try
        {
            await app.StartAsync(ct);
        }
        catch (IOException e)
        {
            // An address that was free when Kosha looked.
            throw new OperatorException($"Http:Listen: {e.Message}", e);
        }
    }

    private static void Announce(KoshaOptions options, IReadOnlyList<Uri> urls, DataFolder folder, string? password)
    {
        if (password is not null)
            ConsoleLog.Announce(options, options.LogFormat == LogFormat.Json
                ? $"The password of the first administrator stands in {folder[FirstAdministrator.PasswordFile]}."
                : PasswordBlock(urls[0], folder, password));
        var drives = urls.Select(url => new Uri(url, "dav/"));
        ConsoleLog.Announce(options,
            $"Kosha is ready at {string.Join(", ", urls)} (WebDAV: {string.Join(", ", drives)})");
    }

    private static string PasswordBlock(Uri url, DataFolder folder, string password) => $"""

        ------------------------------------------------------------------------
          The first administrator of this Kosha

            address    {url}
            username   {FirstAdministrator.Username}
            password   {password}

          Shown only now; kept in {folder[FirstAdministrator.PasswordFile]}
        ------------------------------------------------------------------------

        """;

    private static async Task WaitAsync(CancellationToken first, CancellationToken second)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(first, second);
        await Task.Delay(Timeout.InfiniteTimeSpan, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static async Task StopAsync(WebApplication app, TimeSpan grace, CancellationToken hurrying)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(hurrying);
        limit.CancelAfter(grace);
        try
        {
            await app.StopAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            // Requests that outlast the grace time are cut off, as promised.
        }
    }
}
