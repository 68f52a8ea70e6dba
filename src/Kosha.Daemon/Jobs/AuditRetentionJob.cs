using System.Globalization;
using Kosha.Storage.Audit;

namespace Kosha.Daemon.Jobs;

/// <summary>The days, and the number, for which entries of the audit log are kept.</summary>
internal static class AuditRetentionJob
{
    public static async Task<JobResult> RunAsync(JobContext job, CancellationToken ct)
    {
        var removed = await new AuditRetention(job.Database) { Progress = job.Progress }
            .RunAsync(job.Options.AuditRetentionDays, job.Options.AuditMaxEntries, ct);
        return new(string.Create(CultureInfo.InvariantCulture, $"{removed:N0} entries of the audit log removed."))
        {
            Counts = new Dictionary<string, long> { ["entries"] = removed },
        };
    }
}
