using Kosha.Storage;
using Kosha.Storage.Blobs;
using Kosha.Storage.Upkeep;

namespace Kosha.Daemon.Jobs;

/// <summary>What a job came to.</summary>
/// <param name="Message">What it did, in a line for the administrator.</param>
/// <param name="IsWell">False: something was found that a person should look at.</param>
internal sealed record JobResult(string Message, bool IsWell = true)
{
    /// <summary>The same in numbers, by name.</summary>
    public IReadOnlyDictionary<string, long> Counts { get; init; } = new Dictionary<string, long>();
}

/// <summary>What a job works on, and where it says how far it has come.</summary>
internal sealed record JobContext(Database Database, IBlobStore Blobs, KoshaOptions Options, WorkProgress Progress);

/// <summary>Upkeep that runs by a schedule. All of it can be run twice, beside itself or again after a crash.</summary>
/// <param name="Name">As in <c>Jobs:&lt;name&gt;:Cron</c> and <c>kosha job run</c>.</param>
/// <param name="Cron">The schedule unless the settings say otherwise (Quartz: seconds first), in UTC.</param>
/// <param name="What">In words.</param>
/// <param name="RunAsync">Faults: AlreadyExists (another process does this work now), Unavailable.</param>
internal sealed record Job(
    string Name, string Cron, string What, Func<JobContext, CancellationToken, Task<JobResult>> RunAsync)
{
    /// <summary>Every job that there is.</summary>
    public static IReadOnlyList<Job> All { get; } =
    [
        new("purge", "0 10 * * * ?", "Removes for good what was in the trash for its days.", JobWork.PurgeAsync),
        new("versions", "0 20 * * * ?", "Removes for good the versions of files that were kept for their days.",
            JobWork.ExpireVersionsAsync),
        new("sweep", "0 30 3 * * ?", "Removes contents that nothing names any more.", JobWork.SweepAsync),
        new("reconcile", "0 0 4 ? * SUN", "Compares the rows with the objects in the store.", JobWork.ReconcileAsync),
        new("scrub", "0 0 5 * * ?", "Reads a thirtieth of all contents and hashes them anew.", JobWork.ScrubAsync),
        new("digests", "0 40 * * * ?", "Fills in checksums of contents that Kosha has not read yet.",
            JobWork.FillDigestsAsync),
        new("upload-expiry", "30 0/5 * * * ?", "Ends uploads that nobody completed, and gives their quota back.",
            JobWork.ExpireUploadsAsync),
        new("delete-accounts", "0 2/5 * * * ?", "Removes accounts that were deleted, with all that they have.",
            JobWork.DeleteAccountsAsync),
        new("expiry", "0 15 * * * ?", "Removes sessions, locks, invites and failed sign-ins whose time is over.",
            JobWork.ExpireAsync),
        new("audit-retention", "0 25 4 * * ?", "Removes entries of the audit log that were kept for their days.",
            AuditRetentionJob.RunAsync),
        new("usage", "0 30 4 * * ?", "Compares what users are charged with what they have.", JobWork.CheckUsageAsync),
        new("totals", "0 50 5/6 * * ?", "Counts files, bytes and users for the charts.", JobWork.TakeTotalsAsync),
        new("share-expiry", "0 50 2 * * ?", "Forgets share links that have been over for 30 days.",
            ShareExpiryJob.RunAsync),
        new("webhooks", "0 35 * * * ?", "Removes messages to webhooks that were delivered or given up long ago.",
            WebhooksJob.RunAsync),
    ];

    /// <summary>Null: there is none of this name.</summary>
    public static Job? Find(string name) => All.FirstOrDefault(job => job.Name == name);
}
