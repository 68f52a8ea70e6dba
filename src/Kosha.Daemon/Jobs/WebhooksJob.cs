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
        var old = removed.Messages + removed.Received;
        return new(string.Create(CultureInfo.InvariantCulture,
            $"{old:N0} old messages removed, {left.Pending:N0} wait, {left.Dead:N0} were given up."))
        {
            Counts = new Dictionary<string, long>
            {
                ["removed"] = old, ["pending"] = left.Pending, ["dead"] = left.Dead,
            },
        };
    }
}
