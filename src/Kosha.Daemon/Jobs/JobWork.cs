using System.Globalization;
using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;
using Kosha.Storage.Upkeep;
using Kosha.Storage.Uploads;

namespace Kosha.Daemon.Jobs;

/// <summary>What each job does, and what it says of that.</summary>
internal static class JobWork
{
    /// <summary>Nightly: every blob is read once a month.</summary>
    private const double ScrubbedShare = 1.0 / 30;

    public static async Task<JobResult> PurgeAsync(JobContext job, CancellationToken ct)
    {
        var purged = await new TrashPurge(job.Database, new NodeTree(job.Database)) { Progress = job.Progress }
            .RunAsync(ct);
        return Tell(
            $"{purged.Nodes:N0} files and folders removed, {purged.Bytes:N0} bytes.", purged.Failed,
            ("tops", purged.Tops), ("nodes", purged.Nodes), ("bytes", purged.Bytes));
    }

    public static async Task<JobResult> ExpireVersionsAsync(JobContext job, CancellationToken ct)
    {
        var done = await new VersionExpiry(job.Database, new NodeTree(job.Database)) { Progress = job.Progress }
            .RunAsync(ct);
        return Tell(
            $"{done.Versions:N0} versions removed, {done.Bytes:N0} bytes.", done.Failed,
            ("versions", done.Versions), ("bytes", done.Bytes));
    }

    public static async Task<JobResult> SweepAsync(JobContext job, CancellationToken ct)
    {
        var swept = await new Sweep(job.Database, job.Blobs) { Progress = job.Progress }
            .RunAsync(Sweep.DefaultGrace, ct);
        var counts = Counts(("condemned", swept.Condemned), ("acquitted", swept.Acquitted), ("removed", swept.Removed),
            ("deleted", swept.Deleted), ("forgotten", swept.Forgotten));
        return swept.Unreconciled
            ? new("Nothing was deleted: no full reconcile went through since database and store were joined.", false)
            : new(Say($"{swept.Condemned:N0} contents condemned, {swept.Removed:N0} removed, ")
                + Say($"{swept.Deleted:N0} objects deleted.")) { Counts = counts };
    }

    public static async Task<JobResult> ReconcileAsync(JobContext job, CancellationToken ct)
    {
        var found = await new Reconcile(job.Database, job.Blobs) { Progress = job.Progress }
            .RunAsync(Sweep.DefaultGrace, evenIfMany: false, ct);
        var counts = Counts(("listed", found.Listed), ("missing", found.Missing.Count), ("foreign", found.Foreign),
            ("deleted", found.Deleted), ("late", found.Late));
        return found.Stopped is not null
            ? new($"Nothing was changed: {found.Stopped}. Look at it with 'kosha blobs reconcile'.", false)
            {
                Counts = counts,
            }
            : new(Say($"{found.Listed:N0} objects listed, {found.Missing.Count:N0} missing or of another size, ")
                + Say($"{found.Deleted + found.Late:N0} without a row deleted."), found.Missing.Count == 0)
            {
                Counts = counts,
            };
    }

    public static async Task<JobResult> ScrubAsync(JobContext job, CancellationToken ct)
    {
        var found = await new Scrub(job.Database, job.Blobs) { Progress = job.Progress }.RunAsync(ScrubbedShare, ct);
        return new(
            Say($"{found.Blobs:N0} contents read, {found.Damaged.Count:N0} damaged, ")
            + Say($"{found.Recovered:N0} whole again, {found.Unreadable.Count:N0} not readable."),
            found.Damaged.Count + found.Unreadable.Count == 0)
        {
            Counts = Counts(("contents", found.Blobs), ("bytes", found.Bytes), ("damaged", found.Damaged.Count),
                ("recovered", found.Recovered), ("unreadable", found.Unreadable.Count)),
        };
    }

    public static async Task<JobResult> FillDigestsAsync(JobContext job, CancellationToken ct)
    {
        var done = await new DigestFill(job.Database, job.Blobs) { Progress = job.Progress }.RunAsync(ct);
        return new(
            Say($"{done.Filled:N0} contents got their checksums, {done.Damaged.Count:N0} damaged, ")
            + Say($"{done.Unreadable.Count:N0} not readable."),
            done.Damaged.Count + done.Unreadable.Count == 0)
        {
            Counts = Counts(("filled", done.Filled), ("bytes", done.Bytes), ("damaged", done.Damaged.Count),
                ("unreadable", done.Unreadable.Count)),
        };
    }

    public static async Task<JobResult> ExpireUploadsAsync(JobContext job, CancellationToken ct)
    {
        var done = await new UploadExpiry(job.Database, job.Blobs) { Progress = job.Progress }
            .RunAsync(UploadExpiry.DefaultSlack, ct);
        return Tell(
            $"{done.Expired:N0} uploads expired, {done.Cleared + done.Late:N0} removed from the store.", done.Failed,
            ("expired", done.Expired), ("cleared", done.Cleared), ("late", done.Late));
    }

    public static async Task<JobResult> DeleteAccountsAsync(JobContext job, CancellationToken ct)
    {
        var done = await new AccountDeletion(job.Database, job.Blobs) { Progress = job.Progress }
            .RunAsync(UploadExpiry.DefaultSlack, ct);
        return Tell(
            $"{done.Deleted:N0} accounts deleted, {done.Waiting:N0} not yet; {done.Nodes:N0} nodes removed.",
            done.Failed, ("deleted", done.Deleted), ("waiting", done.Waiting), ("nodes", done.Nodes));
    }

    public static async Task<JobResult> ExpireAsync(JobContext job, CancellationToken ct)
    {
        var removed = (await new Expiry(job.Database) { Progress = job.Progress }.RunAsync(ct)).Removed;
        var what = removed.Select(kind => Say($"{kind.Value:N0} {kind.Key.Replace('_', ' ')}"));
        return new($"Removed: {string.Join(", ", what)}.") { Counts = removed };
    }

    public static async Task<JobResult> CheckUsageAsync(JobContext job, CancellationToken ct)
    {
        var found = await new UsageCheck(job.Database) { Progress = job.Progress }.RunAsync(ct);
        var wrong = found.Wrong.Count == 0 ? "" : Say($" {found.Wrong.Count:N0} are not the sum, which 'kosha fsck ")
            + $"--repair' mends: {string.Join("; ", found.Wrong.Shown)}.";
        return new(Say($"The usage of {found.Users:N0} users was compared.") + wrong, found.Wrong.Count == 0)
        {
            Counts = Counts(("users", found.Users), ("wrong", found.Wrong.Count)),
        };
    }

    public static async Task<JobResult> TakeTotalsAsync(JobContext job, CancellationToken ct)
    {
        var found = await new DailyTotals(job.Database).TakeAsync(ct);
        return new(Say($"{found.Users:N0} users, {found.Files:N0} files, {found.LogicalBytes:N0} bytes, ")
            + Say($"{found.StoredBytes:N0} stored."))
        {
            Counts = Counts(("users", found.Users), ("files", found.Files), ("logicalBytes", found.LogicalBytes),
                ("storedBytes", found.StoredBytes)),
        };
    }

    /// <summary>The result of work that goes on behind what failed.</summary>
    private static JobResult Tell(FormattableString what, Findings failed, params (string Name, long Value)[] counts) =>
        new(Say(what) + (failed.Count == 0 ? "" : Say($" {failed.Count:N0} failed: {failed.Shown[0]}")),
            failed.Count == 0)
        {
            Counts = Counts([.. counts, ("failed", failed.Count)]),
        };

    private static Dictionary<string, long> Counts(params (string Name, long Value)[] counts) =>
        counts.ToDictionary(count => count.Name, count => count.Value);

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
