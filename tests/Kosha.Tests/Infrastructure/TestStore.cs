using Amazon.S3.Model;
using Kosha.Storage.Blobs;

namespace Kosha.Tests.Infrastructure;

/// <summary>An empty store for a Kosha of its own.</summary>
/// <param name="S3">Where it is; null: in the data folder.</param>
public sealed record TestStore(S3StoreOptions? S3)
{
    public const string Disk = "disk";
    public const string InS3 = "s3";

    /// <summary>With which a Kosha uses it.</summary>
    public IReadOnlyList<(string Key, string Value)> Settings => S3 is null ? [] : TestS3.Settings(S3);

    /// <summary>Objects in the store but for its identity.</summary>
    public async Task<int> CountAsync(KoshaProcess kosha)
    {
        if (S3 is null)
            return Directory.GetFiles(Path.Combine(kosha.DataDirectory, "blobs"), "*", SearchOption.AllDirectories)
                .Count(path => Path.GetFileName(path) != "kosha-store.json");
        using var client = TestS3.Client(S3);
        var count = 0;
        await foreach (var stored in client.Paginators.ListObjectsV2(
            new ListObjectsV2Request { BucketName = S3.Bucket, Prefix = S3.Prefix }).S3Objects)
            count += stored.Key == S3.Prefix + "kosha-store.json" ? 0 : 1;
        return count;
    }
}
