using System.Security.Cryptography;
using System.Text;
using Kosha.Storage.Upkeep;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Upkeep;

/// <summary>Checksums that nobody knows yet come from bytes that Kosha has read.</summary>
public sealed class DigestFillTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private Task<DigestFillResult> FillAsync() =>
        new DigestFill(Storage.Database, Storage.Store).RunAsync(CancellationToken.None);

    private async Task<byte[]> PutWithoutDigestsAsync(string content)
    {
        await User.PutAsync(content, content);
        await Storage.ExecuteAsync("update blobs set sha1 = null, md5 = null");
        return Encoding.UTF8.GetBytes(content);
    }

    [Fact]
    public async Task Missing_digests_are_those_of_the_bytes()
    {
        var bytes = await PutWithoutDigestsAsync("content");
        var filled = await FillAsync();
        Assert.Equal((1, 7L), (filled.Filled, filled.Bytes));
#pragma warning disable CA5350, CA5351 // The checksums that rclone compares.
        Assert.Equal(SHA1.HashData(bytes), await Storage.BlobAsync<byte[]>("content", "sha1"));
        Assert.Equal(MD5.HashData(bytes), await Storage.BlobAsync<byte[]>("content", "md5"));
#pragma warning restore CA5350, CA5351
        Assert.Equal(0, (await FillAsync()).Filled);
    }

    [Fact]
    public async Task Wrong_bytes_are_found_and_get_no_digests()
    {
        await PutWithoutDigestsAsync("content");
        await File.WriteAllTextAsync(Storage.FileOf("content"), "CONTENT");
        var found = await FillAsync();
        Assert.Equal((0, 1), (found.Filled, found.Damaged.Count));
        Assert.Equal("damaged", await Storage.BlobAsync<string>("content", "state"));
        Assert.Null(await Storage.BlobAsync<byte[]?>("content", "sha1"));
    }
}
