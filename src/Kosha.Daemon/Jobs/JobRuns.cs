using System.Data.Common;
using System.Diagnostics;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;
using Kosha.Storage.Blobs;
using Kosha.Storage.Upkeep;

namespace Kosha.Daemon.Jobs;

/// <summary>Runs jobs and keeps account of it, whoever started them.</summary>
internal sealed partial class JobRuns(
    Database database, IBlobStore store, KoshaOptions options, ILogger<JobRuns> logger)
{
    private static readonly string Node = $"{Environment.MachineName}/{Environment.ProcessId}";

    /// <summary>How often a run says how far it has come.</summary>
    private static readonly TimeSpan TellEvery = TimeSpan.FromSeconds(1);

    /// <summary>How often it says that it lives, where that is all that there is to say.</summary>
    private static readonly TimeSpan BeatEvery = TimeSpan.FromSeconds(10);

    private readonly JobRunTable runs = new(database);

    /// <inheritdoc cref="JobRunTable.StartAsync"/>
    public Task<long?> StartAsync(Job job, DateTime? firedAt, CancellationToken ct) =>
        runs.StartAsync(job.Name, Node, firedAt, told: null, ct);

    /// <summary>The same for a person, who wants to know why not.</summary>
    /// <param name="job">The job.</param>
    /// <param name="caller">Who; null: a command.</param>
    /// <param name="ct">Ends it.</param>
    /// <exception cref="StorageException">InUse: it runs already.</exception>
    public async Task<long> StartByHandAsync(Job job, Caller? caller, CancellationToken ct)
    {
        var told = new AuditEntry(AuditActions.JobRun, caller) { Subject = job.Name, IsCommand = caller is null };
        return await runs.StartAsync(job.Name, Node, firedAt: null, told, ct) ?? throw new StorageException(
            StorageFault.InUse, $"The job {job.Name} runs now. Wait until it is done; a run whose process died is over "
            + "two and a half minutes later.");
    }

    /// <summary>
    /// Runs a job to its end; what goes wrong in it is told by the result and stands in the history.
    /// </summary>
    /// <exception cref="StorageException">Unavailable: the history itself cannot be written.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="ct"/>.</exception>
    public async Task<JobResult> FinishAsync(Job job, long id, CancellationToken ct)
    {
        var (outcome, result) = ("interrupted", new JobResult("The process was stopped.", IsWell: false));
        var progress = new WorkProgress();
        using var over = new CancellationTokenSource();
        var telling = TellAsync(id, progress, over.Token);
        try
        {
            result = await job.RunAsync(new(database, store, options, progress), ct);
            outcome = result.IsWell ? "done" : "problems";
        }
        catch (StorageException e) when (e.Fault == StorageFault.AlreadyExists)
        {
            (outcome, result) = ("skipped", new(e.Message, IsWell: false));
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            (outcome, result) = ("failed", new(e.Message, IsWell: false));
            LogFailed(logger, e, job.Name);
        }
        finally
        {
            await over.CancelAsync();
            await telling;
            await runs.EndAsync(id, new(outcome, result.Message, result.Counts));
        }
        LogEnded(logger, result.IsWell ? LogLevel.Information : LogLevel.Warning, job.Name, outcome, result.Message);
        return result;
    }

    /// <summary>In transactions of its own, beside the work.</summary>
    private async Task TellAsync(long id, WorkProgress progress, CancellationToken over)
    {
        using var timer = new PeriodicTimer(TellEvery);
        var (told, beat) = ((WorkStep?)null, Stopwatch.GetTimestamp());
        try
        {
            while (await timer.WaitForNextTickAsync(over))
            {
                var now = progress.Current;
                if (now == told && Stopwatch.GetElapsedTime(beat) < BeatEvery)
                    continue;
                (told, beat) = (now, Stopwatch.GetTimestamp());
                await TryBeatAsync(id, now, over);
            }
        }
        catch (OperationCanceledException)
        {
            // The work is over.
        }
    }

    private async Task TryBeatAsync(long id, WorkStep? now, CancellationToken over)
    {
        try
        {
            await runs.BeatAsync(id, now, over);
        }
        catch (Exception e) when (e is StorageException or DbException)
        {
            // The work itself will find out that the database is away.
        }
    }

    [LoggerMessage(LogLevel.Error, "The job {Job} failed.")]
    private static partial void LogFailed(ILogger logger, Exception e, string job);

    [LoggerMessage("Job {Job}: {Outcome}. {Message}")]
    private static partial void LogEnded(ILogger logger, LogLevel level, string job, string outcome, string message);
}
