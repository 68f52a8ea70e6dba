using System.Collections.Concurrent;
using Amazon.S3.Model;
using Kosha.Storage;
using Kosha.Storage.Blobs;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Blobs;

/// <summary>What clients may do by signed URLs, as the store's answers say.</summary>
public sealed class S3TrialTests(TestS3 s3) : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private static readonly BlobId Any = new(new byte[BlobId.ByteLength]);

    private S3StoreOptions options = null!;

    public async ValueTask InitializeAsync()
    {
        options = (await s3.NewStoreAsync()) with { Prefix = $"kosha test {Guid.NewGuid():N}/" };
        using var store = new S3BlobStore(options, TimeProvider.System);
        await store.CreateAsync(None);
    }

    /// <summary>Whatever was tried leaves nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        using var client = TestS3.Client(options);
        Assert.Empty((await client.ListObjectsV2Async(
            new ListObjectsV2Request { BucketName = options.Bucket, Prefix = options.Prefix }, None)).S3Objects ?? []);
        Assert.Empty((await client.ListMultipartUploadsAsync(
            new ListMultipartUploadsRequest { BucketName = options.Bucket }, None)).MultipartUploads ?? []);
    }

    private static S3BlobStore StoreAt(S3StoreOptions options) => new(options, TimeProvider.System);

    private static async Task<string> SentenceAsync(S3BlobStore store) => Assert.Single(
        (await store.ReportAsync(None)).Capabilities,
        sentence => sentence.StartsWith("Uploads by signed URL: ", StringComparison.Ordinal));

    private static async Task AssertNothingIsSignedAsync(S3BlobStore store)
    {
        Assert.Equal(DirectPuts.None, await store.DirectPutsAsync(None));
        Assert.Equal(StorageFault.Unavailable,
            await TestUser.FaultAsync(() => store.SignPutAsync("uploads/1/1", Any, 1, Minute, None)));
        Assert.Equal(StorageFault.Unavailable,
            await TestUser.FaultAsync(() => store.Multipart!.SignAsync("uploads/1/1", "id", 1, 1, Minute, None)));
    }

    [Fact]
    public async Task A_store_that_clients_do_not_reach_takes_nothing_of_them()
    {
        using var store = StoreAt(options);
        await AssertNothingIsSignedAsync(store);
    }

    /// <summary>As MinIO, and Ceph before CVE-2026-54330: who has a URL could read any object of the bucket.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_store_that_copies_by_a_signed_url_gets_its_uploads_through_Kosha(bool isByParts)
    {
        var copies = new ConcurrentQueue<string>();
        using var door = new PartlyCannedS3(options.Endpoint!, request =>
        {
            if (request is not { IsBySignedUrl: true, IsCopy: true } || request.IsPart != isByParts)
                return null;
            copies.Enqueue(request.Head);
            return CannedS3.Answer(200, "");
        });
        using var store = StoreAt(door.Options(options));
        await AssertNothingIsSignedAsync(store);
        Assert.Equal("Uploads by signed URL: a URL can be turned into a copy of any object; uploads go through Kosha.",
            await SentenceAsync(store));
        // Without and with the guard, in each of two trials.
        Assert.Equal(4, copies.Count);
        Assert.All(copies, head => Assert.Contains(
            $"/{options.Bucket}/{Uri.EscapeDataString(options.Prefix[..^1])}/kosha-probe/",
            head[head.IndexOf("x-amz-copy-source", StringComparison.Ordinal)..], StringComparison.Ordinal));
    }

    /// <summary>As MinIO, which honours conditions of a copy that nobody signed for.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_store_that_copies_by_a_signed_url_is_kept_from_it_by_a_signed_condition(bool isByParts)
    {
        using var door = new PartlyCannedS3(options.Endpoint!, request =>
            request is not { IsBySignedUrl: true, IsCopy: true } || request.IsPart != isByParts ? null
                : request.Head.Contains("\r\nx-amz-copy-source-if-match:", StringComparison.OrdinalIgnoreCase)
                    ? CannedS3.Error(412, "PreconditionFailed") : CannedS3.Answer(200, ""));
        using var store = StoreAt(door.Options(options));
        Assert.Equal(DirectPuts.Bound, await store.DirectPutsAsync(None));
        var put = await store.SignPutAsync("uploads/1/1", Any, 1, Minute, None);
        var part = await store.Multipart!.SignAsync("uploads/1/1", "id", 1, 1, Minute, None);
        foreach (var signed in (SignedPut[])[put, part])
        {
            Assert.NotEmpty(signed.Headers["x-amz-copy-source-if-match"]);
            Assert.Contains("x-amz-copy-source-if-match", signed.Url.Query, StringComparison.Ordinal);
        }
        Assert.Equal("Uploads by signed URL: the store takes the signed bytes and no others.",
            await SentenceAsync(store));
    }

    [Fact]
    public async Task A_key_that_may_begin_no_parts_gets_its_uploads_through_Kosha()
    {
        using var door = new PartlyCannedS3(options.Endpoint!, request =>
            request.Head.StartsWith("POST", StringComparison.Ordinal) ? CannedS3.Error(403, "AccessDenied") : null);
        using var store = StoreAt(door.Options(options));
        await AssertNothingIsSignedAsync(store);
        Assert.Equal("Uploads by signed URL: the store refuses them. Uploads have to go through Kosha.",
            await SentenceAsync(store));
    }

    [Fact]
    public async Task Where_a_store_takes_other_bytes_its_checksum_is_no_proof()
    {
        var takesOthers = true;
        using var door = new PartlyCannedS3(options.Endpoint!, request =>
            takesOthers && request is { IsBySignedUrl: true, Body: "wrong" } ? CannedS3.Answer(200, "") : null);
        foreach (var expected in (DirectPuts[])[DirectPuts.Unbound, DirectPuts.Bound])
        {
            using var store = StoreAt(door.Options(options));
            Assert.Equal(expected, await store.DirectPutsAsync(None));
            await store.PutIdentityAsync(new(Guid.NewGuid(), 1, 0), replace: true, None);
            var found = await store.FindStagedAsync("kosha-store.json", None);
            Assert.Equal(expected == DirectPuts.Bound, found?.Sha256 is not null);
            Assert.NotNull(found?.Tag);
            await store.DeleteAsync("kosha-store.json", None);
            takesOthers = false;
        }
    }

    /// <summary>Once any failure was a refusal, and was believed until the process ended.</summary>
    [Theory]
    [InlineData("right", 502)]
    [InlineData("wrong", 429)]
    [InlineData("wrong", 502)]
    [InlineData("wrong", 504)]
    [InlineData("copy", 503)]
    [InlineData("part", 504)]
    public async Task An_answer_that_says_nothing_is_asked_for_again(string when, int status)
    {
        var failures = 0;
        using var door = new PartlyCannedS3(options.Endpoint!, request =>
        {
            var what = request is { IsCopy: true } ? request.IsPart ? "part" : "copy" : request.Body;
            return request.IsBySignedUrl && what == when && failures++ == 0
                ? CannedS3.Error(status, "SlowDown") : null;
        });
        using var store = StoreAt(door.Options(options));
        Assert.Equal(StorageFault.Unavailable, await TestUser.FaultAsync(() => store.DirectPutsAsync(None)));
        Assert.Null(store.Trial);
        Assert.Equal(DirectPuts.Bound, await store.DirectPutsAsync(None));
        Assert.True(failures > 1);
    }

    [Fact]
    public async Task Many_at_once_wait_for_one_trial()
    {
        var rights = 0;
        using var door = new PartlyCannedS3(options.Endpoint!, request =>
        {
            if (request is { IsBySignedUrl: true, IsCopy: false, Body: "right" })
                Interlocked.Increment(ref rights);
            return null;
        });
        using var store = StoreAt(door.Options(options));
        var found = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => store.DirectPutsAsync(None)));
        Assert.All(found, puts => Assert.Equal(DirectPuts.Bound, puts));
        Assert.Equal(1, rights);
    }
}
