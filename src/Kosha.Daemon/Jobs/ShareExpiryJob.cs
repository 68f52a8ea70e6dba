using System.Globalization;
using Kosha.Storage;
using Kosha.Storage.Blobs;
using Kosha.Storage.Sharing;

namespace Kosha.Daemon.Jobs;

/// <summary>Forgets share links that have been over for long.</summary>
internal static class ShareExpiryJob
{
    public static async Task<JobResult> RunAsync(Database database, IBlobStore store, CancellationToken ct)
    {
        var removed = await new ShareExpiry(database).RunAsync(ct);
        return new(string.Create(CultureInfo.InvariantCulture, $"{removed:N0} share links removed that were over."));
    }
}
