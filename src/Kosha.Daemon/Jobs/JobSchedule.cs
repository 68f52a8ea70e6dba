using System.Data.Common;
using Kosha.Storage;
using Kosha.Storage.Upkeep;
using Quartz;

namespace Kosha.Daemon.Jobs;

/// <summary>When a job runs.</summary>
/// <param name="Cron">As Quartz writes it, seconds first; UTC.</param>
/// <param name="Enabled">False: only when a person starts it.</param>
internal sealed record JobTimes(string Cron, bool Enabled);

/// <summary>
/// The schedules, kept in Postgres and shared by all daemons: of several daemons one runs a job. What was missed while
/// none ran is made up for once, and so is a run whose process died.
/// </summary>
internal sealed partial class JobSchedule(
    ISchedulerFactory schedulers, JobRunTable runs, JobPauseTable pauses, JobStarts starts, KoshaOptions options,
    ILogger<JobSchedule> logger) : BackgroundService
{
    /// <summary>Kosha's tables of Quartz; it makes them itself.</summary>
    private const string TablePrefix = "qrtz_";

    private static readonly TimeSpan Checkin = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LookForDead = TimeSpan.FromSeconds(20);

    /// <summary>Adds the scheduler and what it runs. It starts once the application listens.</summary>
    public static void Add(IServiceCollection services, Database database)
    {
        services.AddSingleton<DbDataSource>(database.Source);
        services.AddSingleton<JobRuns>();
        services.AddSingleton<JobRunTable>();
        services.AddSingleton<JobPauseTable>();
        services.AddSingleton<ScheduleTable>();
        services.AddSingleton<DailyTotals>();
        services.AddSingleton<JobStarts>();
        services.AddHostedService(provider => provider.GetRequiredService<JobStarts>());
        services.AddQuartz(quartz =>
        {
            quartz.ConfigureScheduler(scheduler =>
            {
                scheduler.InstanceName = "kosha";
                scheduler.GenerateInstanceId = true;
                scheduler.ShutdownJobInterruption = ShutdownJobInterruption.Always;
            });
            quartz.UsePersistentStore(store =>
            {
                store.UsePostgres(postgres => postgres.UseRegisteredDataSource = true);
                store.UseClustering(cluster => cluster.CheckinInterval = Checkin);
                store.ConfigureStore(tables =>
                {
                    tables.TablePrefix = TablePrefix;
                    tables.SchemaProvisioning = SchemaProvisioning.CreateIfMissing;
                });
            });
        });
        services.AddQuartzHostedService(hosted =>
        {
            hosted.AwaitApplicationStarted = true;
            // They are told to stop, and what they have done by then is whole.
            hosted.WaitForJobsToComplete = true;
        });
        services.AddHostedService<JobSchedule>();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await ScheduleAllAsync(stoppingToken);
        using var looks = new PeriodicTimer(LookForDead);
        while (await looks.WaitForNextTickAsync(stoppingToken))
            await FollowAsync(stoppingToken);
    }

    /// <summary>
    /// What a daemon left undone when it died is done now, and not at the next firing, which may be days away. Which
    /// daemon does it is decided where the run starts.
    /// </summary>
    private async Task FollowAsync(CancellationToken ct)
    {
        try
        {
            var died = await runs.DiedAsync(ct);
            if (died.Count == 0)
                return;
            var paused = (await pauses.ListAsync(ct)).Select(pause => pause.Job).ToHashSet();
            foreach (var job in died.Select(Job.Find).OfType<Job>())
            {
                if (options.Jobs[job.Name].Enabled && !paused.Contains(job.Name))
                    await starts.TryAsync(job, ct);
            }
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            // The database is away, or reads only after a failover; the next look finds the same.
            LogNotFollowed(logger, e);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Jobs whose run died cannot be looked for now; Kosha tries again.")]
    private static partial void LogNotFollowed(ILogger logger, Exception e);

    /// <summary>Until it has gone through: a database that is away just now must not end the daemon.</summary>
    private async Task ScheduleAllAsync(CancellationToken stoppingToken)
    {
        for (var isScheduled = false; !isScheduled;)
        {
            try
            {
                var scheduler = await schedulers.GetScheduler(stoppingToken);
                foreach (var job in Job.All)
                    await ScheduleAsync(scheduler, job, options.Jobs[job.Name], stoppingToken);
                isScheduled = true;
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                LogNotScheduled(logger, e);
                await Task.Delay(RetryPause, stoppingToken);
            }
        }
    }

    [LoggerMessage(LogLevel.Warning, "The jobs cannot be scheduled now; Kosha tries again.")]
    private static partial void LogNotScheduled(ILogger logger, Exception e);

    /// <summary>
    /// A schedule that is there already and says the same stays, with the run that it missed; Quartz's own way would
    /// replace it at every start.
    /// </summary>
    private static async Task ScheduleAsync(
        IScheduler scheduler, Job job, JobTimes times, CancellationToken ct)
    {
        var key = new JobKey(job.Name);
        var trigger = (ICronTrigger)TriggerBuilder.Create().WithIdentity(job.Name).ForJob(key)
            .WithSchedule(CronScheduleBuilder.Create(times.Cron).InTimeZone(TimeZoneInfo.Utc)
                .WithMisfireInstruction(CronTriggerMisfireInstruction.FireAndProceed))
            .Build();
        var present = await scheduler.GetTrigger(trigger.Key, ct) as ICronTrigger;
        // One that an earlier version could not load, for example.
        if (present is not null && await scheduler.GetTriggerState(trigger.Key, ct) == TriggerState.Error)
            present = null;
        if (!times.Enabled)
            await scheduler.DeleteJob(key, ct);
        else if (present is null)
            await scheduler.ScheduleJob(
                JobBuilder.Create<ScheduledJob>().WithIdentity(key).Build(), trigger,
                new ScheduleJobOptions { Replace = true }, ct);
        else if (present.CronExpressionString != trigger.CronExpressionString)
            await scheduler.RescheduleJob(trigger.Key, trigger, ct);
    }

    /// <summary>When a job runs next after a moment; null: never.</summary>
    public static DateTimeOffset? NextAfter(JobTimes times, DateTimeOffset moment) => times.Enabled
        ? new CronExpression(times.Cron, TimeZoneInfo.Utc).GetNextValidTimeAfter(moment)
        : null;

    /// <summary>What Quartz starts: the job of the same name.</summary>
    [DisallowConcurrentExecution]
    internal sealed class ScheduledJob(JobRuns runs, IHostApplicationLifetime lifetime) : IJob
    {
        public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken = default)
        {
            // Quartz itself tells them only when the last request has ended.
            using var stopping = CancellationTokenSource.CreateLinkedTokenSource(
                cancellationToken, lifetime.ApplicationStopping);
            var firedAt = (context.ScheduledFireTimeUtc ?? context.FireTimeUtc).UtcDateTime;
            try
            {
                // Null: it is paused, or somebody runs it by hand just now.
                if (Job.Find(context.JobDetail.Key.Name) is { } known
                    && await runs.StartAsync(known, firedAt, stopping.Token) is { } id)
                    await runs.FinishAsync(known, id, stopping.Token);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                // The history says so; to Quartz it would be an error.
            }
        }
    }
}
