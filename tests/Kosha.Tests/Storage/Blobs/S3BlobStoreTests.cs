using System.Security.Cryptography;
using Amazon.S3;
using Amazon.S3.Model;
using Kosha.Storage;
using Kosha.Storage.Blobs;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Blobs;

public sealed class S3BlobStoreTests(TestS3 s3) : BlobStoreContract, IAsyncLifetime
{
    private const int Large = 13_000_000;
    private static readonly CancellationToken None = CancellationToken.None;

    private S3StoreOptions options = null!;
    private S3BlobStore store = null!;

    protected override IBlobStore Store => store;

    public async ValueTask InitializeAsync()
    {
        // Three parts of what is large here.
        options = (await s3.NewStoreAsync()) with { PartBytes = S3StoreOptions.MinPartBytes };
        store = With(options);
        await store.CreateAsync(None);
    }

    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }

    public override void Dispose()
    {
        store.Dispose();
        base.Dispose();
    }

    private static S3BlobStore With(S3StoreOptions options) => new(options, TimeProvider.System);

    [Theory]
    [InlineData(100)]
    [InlineData(Large)]
    public async Task An_object_is_named_by_its_hash_and_holds_nothing_but_its_bytes(int size)
    {
        var key = await PutAsync(Content(size));
        using var client = TestS3.Client(options);
        using var found = await client.GetObjectAsync(options.Bucket, options.Prefix + key, None);
        Assert.Equal("blobs/" + Convert.ToHexStringLower(await SHA256.HashDataAsync(found.ResponseStream, None)), key);
        Assert.Equal("application/octet-stream", found.Headers.ContentType);
        Assert.True(string.IsNullOrEmpty(found.Headers.ContentEncoding), found.Headers.ContentEncoding);
    }

    [Fact]
    public async Task A_large_object_of_parts_comes_back_whole_and_in_part()
    {
        var content = Content(Large);
        var key = await PutAsync(content);
        Assert.Equal(Large, await store.FindSizeAsync(key, None));
        Assert.Equal(content, await ReadAllAsync(key, Large));
        Assert.Equal(content[5_000_000..6_000_000], await ReadAsync(key, new(5_000_000, 1_000_000, Large)));
        await AssertNoOpenUploadAsync();
    }

    private async Task AssertNoOpenUploadAsync()
    {
        using var client = TestS3.Client(options);
        var open = await client.ListMultipartUploadsAsync(
            new ListMultipartUploadsRequest { BucketName = options.Bucket, Prefix = options.Prefix }, None);
        Assert.Empty(open.MultipartUploads ?? []);
    }

    /// <summary>Not every store checks; the tests' own one does, unless it had to be an old one.</summary>
    [Fact]
    public async Task A_spool_that_has_changed_on_its_disk_is_refused_by_a_store_that_checks()
    {
        await using var spool = await SpoolAsync(Content(600_000));
        await using (var file = new FileStream(Assert.Single(Directory.GetFiles(Folder["spool"])),
            FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
            file.WriteByte((byte)(Content(600_000)[0] + 1));
        var key = store.Key(spool.Sha256, 1);
        var refusal = await Record.ExceptionAsync(() => store.PutAsync(key, spool, None)) as StorageException;
        var checks = await ChecksBytesAsync();
        Assert.Equal(checks ? StorageFault.Unavailable : (StorageFault?)null, refusal?.Fault);
        Assert.Equal(checks ? null : (long?)600_000, await store.FindSizeAsync(key, None));
    }

    /// <summary>Whether the store refuses bytes that do not have the checksum sent with them.</summary>
    private async Task<bool> ChecksBytesAsync()
    {
        using var client = TestS3.Client(options);
        return await Record.ExceptionAsync(() => client.PutObjectAsync(new PutObjectRequest
        {
            BucketName = options.Bucket,
            Key = options.Prefix + "wrong",
            ContentBody = "wrong",
            UseChunkEncoding = false,
            ChecksumAlgorithm = ChecksumAlgorithm.SHA256,
            ChecksumSHA256 = Convert.ToBase64String(SHA256.HashData("right"u8)),
        })) is not null;
    }

    [Fact]
    public async Task An_upload_of_parts_that_breaks_leaves_nothing()
    {
        await using var spool = await SpoolAsync(Content(Large));
        await using (var file = new FileStream(Assert.Single(Directory.GetFiles(Folder["spool"])),
            FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
            file.SetLength(Large / 2);
        var key = store.Key(spool.Sha256, 1);
        using var hasty = With(options with { MaxRetries = 0 });
        Assert.Equal(StorageFault.Unavailable, await TestUser.FaultAsync(() => hasty.PutAsync(key, spool, None)));
        Assert.Null(await store.FindSizeAsync(key, None));
        await AssertNoOpenUploadAsync();
    }

    /// <summary>Ceph takes what follows its refusal for another request.</summary>
    [Fact]
    public async Task A_refused_put_does_not_spoil_the_next_request()
    {
        using var missing = With((await s3.NewStoreAsync()) with { Bucket = "no-such-bucket-of-kosha" });
        for (var round = 0; round < 10; round++)
        {
            var refusal = await Assert.ThrowsAsync<StorageException>(() => missing.CheckAsync(None));
            Assert.Contains("NoSuchBucket", refusal.Message, StringComparison.Ordinal);
            Assert.Equal(StorageFault.Unavailable, await TestUser.FaultAsync(
                () => missing.FindSizeAsync(missing.Key(new(new byte[BlobId.ByteLength]), 1), None)));
        }
    }

    [Fact]
    public async Task A_caller_who_stops_is_told_so_and_leaves_nothing()
    {
        await using var spool = await SpoolAsync(Content(Large));
        using var stopped = new CancellationTokenSource();
        await stopped.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => store.PutAsync(store.Key(spool.Sha256, 1), spool, stopped.Token));
        await AssertNoOpenUploadAsync();
    }

    [Fact]
    public async Task A_prefix_keeps_two_stores_in_one_bucket_apart()
    {
        using var other = With(options with { Prefix = options.Prefix + "deep/er/" });
        var key = await PutAsync(Content(10));
        Assert.Null(await other.FindSizeAsync(key, None));
        await using (var spool = await SpoolAsync(Content(20)))
            await other.PutAsync(other.Key(spool.Sha256, 1), spool, None);
        await other.PutIdentityAsync(new(Guid.NewGuid(), 1, 0), replace: false, None);
        Assert.Null(await store.FindIdentityAsync(None));
        await foreach (var stored in store.ListAsync(None))
            Assert.Equal(key, stored.Key);
        await foreach (var stored in other.ListAsync(None))
            Assert.Equal((20L, true), (stored.Size, other.IsBlobKey(stored.Key)));
    }

    [Fact]
    public async Task More_objects_than_one_page_holds_are_listed()
    {
        using var client = TestS3.Client(options);
        await Parallel.ForAsync(0, 1100, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (number, ct) =>
            await client.PutObjectAsync(new PutObjectRequest
            {
                BucketName = options.Bucket, Key = $"{options.Prefix}blobs/{number}", ContentBody = "x",
            }, ct));
        var keys = new HashSet<string>();
        await foreach (var stored in store.ListAsync(None))
            Assert.True(keys.Add(stored.Key));
        Assert.Equal(1100, keys.Count);
    }

    [Fact]
    public async Task A_bucket_is_made_once_and_nothing_of_it_changes_after()
    {
        var key = await PutAsync(Content(10));
        await store.CreateAsync(None);
        Assert.Equal(Content(10), await ReadAllAsync(key, 10));
    }

    /// <summary>To such a key AWS says 403 where it would say 404 to others.</summary>
    [Fact]
    public async Task A_key_that_may_only_put_get_and_delete_suffices_to_serve()
    {
        // A bucket that others use keeps its policy.
        if (!TestS3.IsForeign)
            await ForbidAsync(
                "s3:ListBucket", "s3:GetBucketLocation", "s3:GetBucketVersioning", "s3:ListBucketMultipartUploads",
                "s3:GetLifecycleConfiguration", "s3:PutLifecycleConfiguration", "s3:GetBucketCORS", "s3:PutBucketCORS",
                "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts");
        using var serving = With(options);
        await serving.CreateAsync(None);
        await serving.CheckAsync(None);
        Assert.Null(await serving.FindIdentityAsync(None));
        Assert.True(await serving.PutIdentityAsync(new(Guid.NewGuid(), 1, 0), replace: false, None));
        await Bytes_come_back_whole_and_in_part(Large);
        await What_is_not_there_is_damaged_to_read_and_nothing_to_delete();
        Assert.All((await serving.ReportAsync(None)).Capabilities,
            sentence => Assert.DoesNotContain("could not be tried", sentence, StringComparison.Ordinal));
        if (!TestS3.IsForeign)
            Assert.Null(await serving.IsEmptyAsync(None));
    }

    /// <summary>Also to the owner, whose key the tests use.</summary>
    private async Task ForbidAsync(params string[] actions)
    {
        using var client = TestS3.Client(options);
        await client.PutBucketPolicyAsync(options.Bucket, $$"""
            {
              "Version": "2012-10-17",
              "Statement": [{
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["{{string.Join("\", \"", actions)}}"],
                "Resource": ["arn:aws:s3:::{{options.Bucket}}", "arn:aws:s3:::{{options.Bucket}}/*"]
              }]
            }
            """, None);
    }

    [Theory]
    [InlineData("AccessKey")]
    [InlineData("SecretKey")]
    [InlineData("Bucket")]
    [InlineData("Endpoint")]
    public async Task What_cannot_be_used_is_unavailable_in_words_without_secrets(string wrong)
    {
        using var unusable = With(wrong switch
        {
            "AccessKey" => options with { AccessKey = "nobody" },
            "SecretKey" => options with { SecretKey = "a secret of somebody else" },
            "Bucket" => options with { Bucket = "no-such-bucket-of-kosha" },
            _ => options with { Endpoint = new("http://127.0.0.1:1"), MaxRetries = 1 },
        });
        var refusal = await Assert.ThrowsAsync<StorageException>(() => unusable.CheckAsync(None));
        Assert.Equal(StorageFault.Unavailable, refusal.Fault);
        Assert.Contains(wrong switch
        {
            "AccessKey" => "InvalidAccessKeyId",
            "SecretKey" => "SignatureDoesNotMatch",
            "Bucket" => "NoSuchBucket",
            _ => "refused",
        }, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(options.SecretKey!, refusal.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("a secret of somebody else", refusal.ToString(), StringComparison.Ordinal);
        var key = unusable.Key(new(new byte[BlobId.ByteLength]), 1);
        Assert.Equal(StorageFault.Unavailable,
            await TestUser.FaultAsync(() => unusable.OpenAsync(key, BlobPart.Whole(1), None)));
        Assert.Equal(StorageFault.Unavailable, await TestUser.FaultAsync(() => unusable.DeleteAsync(key, None)));
        Assert.Equal(StorageFault.Unavailable, await TestUser.FaultAsync(() => unusable.FindIdentityAsync(None)));
    }

    [Fact]
    public void The_text_of_the_options_holds_no_secret() =>
        Assert.DoesNotContain(options.SecretKey!, $"{options}", StringComparison.Ordinal);
}
