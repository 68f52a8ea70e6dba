using System.Globalization;
using Kosha.Storage.Webhooks;

namespace Kosha.Daemon.Jobs;

/// <summary>The job 'webhooks': what was told long ago goes, and what waits is counted.</summary>
internal static class WebhooksJob
{
    public static async Task<JobResult> RunAsync(JobContext job, CancellationToken ct)
    {
        var removed = await new OutboxUpkeep(job.Database).RunAsync(ct);
        var left = await new Deliveries(job.Database).CountsAsync(ct);
        return new(string.Create(CultureInfo.InvariantCulture,
            $"{removed.Messages + removed.Received:N0} old messages removed, {left.Pending:N0} wait, ")
            + string.Create(CultureInfo.InvariantCulture, $"{left.Dead:N0} were given up."));
    }
}
