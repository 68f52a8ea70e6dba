using System.Collections.Concurrent;
using Kosha.Storage;
using Kosha.Storage.Accounts;

namespace Kosha.Daemon.Jobs;

/// <summary>Jobs that run here although no schedule says so. They are told to stop with the daemon.</summary>
internal sealed partial class JobStarts(
    JobRuns runs, IHostApplicationLifetime lifetime, ILogger<JobStarts> logger) : IHostedService
{
    private readonly ConcurrentDictionary<Task, bool> running = [];

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>What they have done by then is whole.</summary>
    public Task StopAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(running.Keys).WaitAsync(cancellationToken);

    /// <summary>Starts a job for somebody who does not wait for its end.</summary>
    /// <returns>The run's id.</returns>
    /// <exception cref="StorageException">InUse: it runs already.</exception>
    public async Task<long> StartAsync(Job job, Caller caller, CancellationToken ct)
    {
        var id = await runs.StartByHandAsync(job, caller, ct);
        Run(job, id);
        return id;
    }

    /// <summary>The same for nobody, whom it is no matter whether it runs already.</summary>
    public async Task TryAsync(Job job, CancellationToken ct)
    {
        if (await runs.StartAsync(job, firedAt: null, ct) is { } id)
            Run(job, id);
    }

    private void Run(Job job, long id)
    {
        var work = Task.Run(() => FinishAsync(job, id), CancellationToken.None);
        running[work] = true;
        _ = work.ContinueWith(
            done => running.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.None,
            TaskScheduler.Default);
    }

    private async Task FinishAsync(Job job, long id)
    {
        try
        {
            await runs.FinishAsync(job, id, lifetime.ApplicationStopping);
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // The history says so.
        }
        catch (StorageException e)
        {
            LogFailed(logger, e, job.Name);
        }
    }

    [LoggerMessage(LogLevel.Warning, "What became of the job {Job} cannot be written down.")]
    private static partial void LogFailed(ILogger logger, Exception e, string job);
}
