using System.Collections.Concurrent;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Uploads;

namespace Kosha.Daemon.Api;

/// <summary>
/// Completions that run on when whoever asked for one waits no longer. They end with the daemon, and another request
/// begins them anew.
/// </summary>
internal sealed partial class UploadCompletions(
    DirectUploads uploads, TimeProvider time, ILogger<UploadCompletions> logger) : IHostedService, IDisposable
{
    /// <summary>Shorter than any proxy waits for an answer.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly CancellationTokenSource stopping = new();
    private readonly ConcurrentDictionary<Task, bool> running = [];

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await stopping.CancelAsync();
        await Task.WhenAll(running.Keys).WaitAsync(cancellationToken)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose() => stopping.Dispose();

    /// <summary>
    /// Completes what was taken. Returns when it is done, or after a while, or at once if nobody wants to wait; its
    /// refusals are thrown to whoever waits.
    /// </summary>
    public async Task RunAsync(
        Caller caller, TakenUpload taken, IReadOnlyCollection<Guid> lockTokens, bool isLeft, CancellationToken ct)
    {
        var work = Task.Run(
            () => uploads.FinishAsync(caller, taken, lockTokens, time, stopping.Token), CancellationToken.None);
        running[work] = true;
        _ = ForgetAsync(work, taken.Upload.Id);
        if (isLeft)
            return;
        try
        {
            await work.WaitAsync(Patience, time, ct);
        }
        catch (TimeoutException) when (!work.IsCompleted)
        {
            // It goes on.
        }
    }

    private async Task ForgetAsync(Task work, long id)
    {
        try
        {
            await work;
        }
        catch (Exception e) when (e is StorageException or OperationCanceledException)
        {
            // It stands in the upload's row, and was told to whoever waited.
        }
        catch (Exception e)
        {
            LogFailed(logger, e, id);
        }
        running.TryRemove(work, out _);
    }

    [LoggerMessage(LogLevel.Error, "The completion of upload {Id} failed.")]
    private static partial void LogFailed(ILogger logger, Exception e, long id);
}
