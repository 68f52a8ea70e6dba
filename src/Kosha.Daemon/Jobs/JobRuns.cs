using Kosha.Storage;
using Kosha.Storage.Blobs;
using Kosha.Storage.Upkeep;

namespace Kosha.Daemon.Jobs;

/// <summary>Runs jobs and keeps account of it, whoever started them.</summary>
internal sealed partial class JobRuns(Database database, IBlobStore store, ILogger<JobRuns> logger)
{
    private static readonly string Node = $"{Environment.MachineName}/{Environment.ProcessId}";

    private readonly JobRunTable runs = new(database);

    /// <summary>
    /// Runs a job to its end; what goes wrong in it is told by the result and stands in the history.
    /// </summary>
    /// <exception cref="StorageException">Unavailable: the history itself cannot be written.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="ct"/>.</exception>
    public async Task<JobResult> RunAsync(Job job, CancellationToken ct)
    {
        var id = await runs.StartAsync(job.Name, Node, ct);
        var (outcome, result) = ("interrupted", new JobResult("The process was stopped.", IsWell: false));
        try
        {
            result = await job.RunAsync(database, store, ct);
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
            await runs.EndAsync(id, job.Name, outcome, result.Message);
        }
        LogEnded(logger, result.IsWell ? LogLevel.Information : LogLevel.Warning, job.Name, outcome, result.Message);
        return result;
    }

    [LoggerMessage(LogLevel.Error, "The job {Job} failed.")]
    private static partial void LogFailed(ILogger logger, Exception e, string job);

    [LoggerMessage("Job {Job}: {Outcome}. {Message}")]
    private static partial void LogEnded(ILogger logger, LogLevel level, string job, string outcome, string message);
}
