using System.Globalization;
using Kosha.Storage.Sharing;

namespace Kosha.Daemon.Jobs;

/// <summary>Forgets share links that have been over for long.</summary>
internal static class ShareExpiryJob
{
    public static async Task<JobResult> RunAsync(JobContext job, CancellationToken ct)
    {
        var removed = await new ShareExpiry(job.Database) { Progress = job.Progress }.RunAsync(ct);
        return new(string.Create(CultureInfo.InvariantCulture, $"{removed:N0} share links removed that were over."))
        {
            Counts = new Dictionary<string, long> { ["links"] = removed },
        };
    }
}
