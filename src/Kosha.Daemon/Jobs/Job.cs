using System.Globalization;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Blobs;
using Kosha.Storage.Tree;
using Kosha.Storage.Upkeep;
using Kosha.Storage.Uploads;

namespace Kosha.Daemon.Jobs;

/// <summary>What a job came to.</summary>
/// <param name="Message">What it did, in a line for the administrator.</param>
/// <param name="IsWell">False: something was found that a person should look at.</param>
internal sealed record JobResult(string Message, bool IsWell = true);

/// <summary>Upkeep that runs by a schedule. All of it can be run twice, beside itself or again after a crash.</summary>
/// <param name="Name">As in <c>Jobs:&lt;name&gt;:Cron</c> and <c>kosha job run</c>.</param>
/// <param name="Cron">The schedule unless the settings say otherwise (Quartz: seconds first), in UTC.</param>
/// <param name="What">In words.</param>
/// <param name="RunAsync">Faults: AlreadyExists (another process does this work now), Unavailable.</param>
internal sealed record Job(
    string Name, string Cron, string What, Func<Database, IBlobStore, CancellationToken, Task<JobResult>> RunAsync)
{
    /// <summary>Nightly: every blob is read once a month.</summary>
    private const double ScrubbedShare = 1.0 / 30;

    /// <summary>Every job that there is.</summary>
    public static IReadOnlyList<Job> All { get; } =
    [
        new("purge", "0 10 * * * ?", "Removes for good what was in the trash for its days.", PurgeAsync),
        new("versions", "0 20 * * * ?", "Removes for good the versions of files that were kept for their days.",
            ExpireVersionsAsync),
        new("sweep", "0 30 3 * * ?", "Removes contents that nothing names any more.", SweepAsync),
        new("reconcile", "0 0 4 ? * SUN", "Compares the rows with the objects in the store.", ReconcileAsync),
        new("scrub", "0 0 5 * * ?", "Reads a thirtieth of all contents and hashes them anew.", ScrubAsync),
        new("digests", "0 40 * * * ?", "Fills in checksums of contents that Kosha has not read yet.", DigestsAsync),
        new("upload-expiry", "30 0/5 * * * ?", "Ends uploads that nobody completed, and gives their quota back.",
            ExpireUploadsAsync),
        new("delete-accounts", "0 2/5 * * * ?", "Removes accounts that were deleted, with all that they have.",
            DeleteAccountsAsync),
        new("webhooks", "0 35 * * * ?", "Removes messages to webhooks that were delivered or given up long ago.",
            WebhooksJob.RunAsync),
    ];

    private static async Task<JobResult> PurgeAsync(Database database, IBlobStore store, CancellationToken ct)
    {
        var purged = await new TrashPurge(database, new NodeTree(database)).RunAsync(ct);
        var failed = purged.Failed.Count == 0 ? "" : Say($" {purged.Failed.Count:N0} failed: {purged.Failed.Shown[0]}");
        return new(
            Say($"{purged.Nodes:N0} files and folders removed, {purged.Bytes:N0} bytes.") + failed,
            purged.Failed.Count == 0);
    }

    private static async Task<JobResult> ExpireVersionsAsync(
        Database database, IBlobStore store, CancellationToken ct)
    {
        var done = await new VersionExpiry(database, new NodeTree(database)).RunAsync(ct);
        var failed = done.Failed.Count == 0 ? "" : Say($" {done.Failed.Count:N0} failed: {done.Failed.Shown[0]}");
        return new(
            Say($"{done.Versions:N0} versions removed, {done.Bytes:N0} bytes.") + failed, done.Failed.Count == 0);
    }

    private static async Task<JobResult> SweepAsync(Database database, IBlobStore store, CancellationToken ct)
    {
        var swept = await new Sweep(database, store).RunAsync(Sweep.DefaultGrace, ct);
        return swept.Unreconciled
            ? new("Nothing was deleted: no full reconcile went through since database and store were joined.", false)
            : new(Say($"{swept.Condemned:N0} contents condemned, {swept.Removed:N0} removed, ")
                + Say($"{swept.Deleted:N0} objects deleted."));
    }

    private static async Task<JobResult> ReconcileAsync(Database database, IBlobStore store, CancellationToken ct)
    {
        var found = await new Reconcile(database, store).RunAsync(Sweep.DefaultGrace, evenIfMany: false, ct);
        if (found.Stopped is not null)
            return new($"Nothing was changed: {found.Stopped}. Look at it with 'kosha blobs reconcile'.", false);
        return new(Say($"{found.Listed:N0} objects listed, {found.Missing.Count:N0} missing or of another size, ")
            + Say($"{found.Deleted + found.Late:N0} without a row deleted."), found.Missing.Count == 0);
    }

    private static async Task<JobResult> ScrubAsync(Database database, IBlobStore store, CancellationToken ct)
    {
        var found = await new Scrub(database, store).RunAsync(ScrubbedShare, ct);
        return new(
            Say($"{found.Blobs:N0} contents read, {found.Damaged.Count:N0} damaged, ")
            + Say($"{found.Recovered:N0} whole again, {found.Unreadable.Count:N0} not readable."),
            found.Damaged.Count + found.Unreadable.Count == 0);
    }

    private static async Task<JobResult> DigestsAsync(Database database, IBlobStore store, CancellationToken ct)
    {
        var done = await new DigestFill(database, store).RunAsync(ct);
        return new(
            Say($"{done.Filled:N0} contents got their checksums, {done.Damaged.Count:N0} damaged, ")
            + Say($"{done.Unreadable.Count:N0} not readable."),
            done.Damaged.Count + done.Unreadable.Count == 0);
    }

    private static async Task<JobResult> ExpireUploadsAsync(
        Database database, IBlobStore store, CancellationToken ct)
    {
        var done = await new UploadExpiry(database, store).RunAsync(UploadExpiry.DefaultSlack, ct);
        var failed = done.Failed.Count == 0 ? "" : Say($" {done.Failed.Count:N0} failed: {done.Failed.Shown[0]}");
        return new(
            Say($"{done.Expired:N0} uploads expired, {done.Cleared + done.Late:N0} removed from the store.") + failed,
            done.Failed.Count == 0);
    }

    private static async Task<JobResult> DeleteAccountsAsync(
        Database database, IBlobStore store, CancellationToken ct)
    {
        var done = await new AccountDeletion(database, store).RunAsync(UploadExpiry.DefaultSlack, ct);
        var failed = done.Failed.Count == 0 ? "" : Say($" {done.Failed.Count:N0} failed: {done.Failed.Shown[0]}");
        return new(
            Say($"{done.Deleted:N0} accounts deleted, {done.Waiting:N0} not yet; {done.Nodes:N0} files and folders ")
            + "removed." + failed, done.Failed.Count == 0);
    }

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
