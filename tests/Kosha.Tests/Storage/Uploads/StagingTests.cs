using System.Security.Cryptography;
using Kosha.Storage.Blobs;
using Kosha.Storage.Uploads;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Uploads;

/// <summary>What stores do for uploads, and what is done where a store does less.</summary>
public sealed class StagingTests(SharedPostgres postgres, TestS3 s3) : StorageTest(postgres)
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly HttpClient anybody = new();

    [Theory]
    [InlineData("uploads/1/2", 1, 2, null)]
    [InlineData("uploads/1/2.0", 1, 2, 0)]
    [InlineData("uploads/10/20.10000", 10, 20, 10_000)]
    public void A_staging_key_is_read_back(string text, long user, long upload, int? part)
    {
        Assert.Equal(new StagingKey(user, upload, part), StagingKey.Parse(text));
        Assert.Equal(text, new StagingKey(user, upload, part).ToString());
    }

    [Theory]
    [InlineData("uploads/1")]
    [InlineData("uploads/1/")]
    [InlineData("uploads/01/2")]
    [InlineData("uploads/1/2.01")]
    [InlineData("uploads/1/2.3.4")]
    [InlineData("uploads/1/2/3")]
    [InlineData("uploads/-1/2")]
    [InlineData("blobs/1/2")]
    public void Anything_else_is_no_staging_key(string text) => Assert.Null(StagingKey.Parse(text));

    private async Task<S3BlobStore> NewStoreAsync(long maxSingleCopyBytes = 1L << 30)
    {
        var options = await s3.NewStoreAsync();
        var store = new S3BlobStore(options with { PublicEndpoint = options.Endpoint }, TimeProvider.System)
        {
            MaxSingleCopyBytes = maxSingleCopyBytes,
        };
        await store.CreateAsync(None);
        return store;
    }

    private static string KeyOf(Upload upload) => $"uploads/{upload.UserId}/{upload.Id}";

    private async Task<int> PutAsync(SignedPut put, byte[] content)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, put.Url) { Content = new ByteArrayContent(content) };
        foreach (var (name, value) in put.Headers)
        {
            // Some are the body's own.
            if (!request.Headers.TryAddWithoutValidation(name, value))
                request.Content.Headers.TryAddWithoutValidation(name, value);
        }
        using var answer = await anybody.SendAsync(request);
        return (int)answer.StatusCode;
    }

    private async Task<StagedObject> StageAsync(S3BlobStore store, byte[] content, string key = "uploads/1/1")
    {
        await using var spool = await Storage.Spools.ReceiveAsync(
            new MemoryStream(content), null, null, () => new(default, ""), None);
        await store.PutAsync(key, spool, None);
        return (await store.FindStagedAsync(key, None))!;
    }

    [Fact]
    public async Task A_large_object_is_copied_by_parts()
    {
        using var store = await NewStoreAsync(maxSingleCopyBytes: 5 << 20);
        var content = RandomNumberGenerator.GetBytes((5 << 20) + 5);
        await store.CopyAsync(await StageAsync(store, content), "blobs/copy", None);
        await using var copied = await store.OpenAsync("blobs/copy", BlobPart.Whole(content.Length), None);
        Assert.Equal(SHA256.HashData(content), await SHA256.HashDataAsync(copied));
    }

    /// <summary>Between a look and a copy or a read of what was seen.</summary>
    [Theory]
    [InlineData("copied at once", false)]
    [InlineData("copied at once", true)]
    [InlineData("copied by parts", false)]
    [InlineData("copied by parts", true)]
    [InlineData("read", false)]
    [InlineData("read", true)]
    public async Task Bytes_that_others_replaced_are_missing(string what, bool isGone)
    {
        const int Size = (5 << 20) + 5;
        using var store = await NewStoreAsync(maxSingleCopyBytes: what == "copied by parts" ? 5 << 20 : 1 << 30);
        var found = await StageAsync(store, RandomNumberGenerator.GetBytes(Size));
        Task WorkAsync() => what == "read" ? ReadAsync(store, found) : store.CopyAsync(found, "blobs/copy", None);
        await WorkAsync();
        await store.DeleteAsync("blobs/copy", None);
        if (isGone)
            await store.DeleteAsync(found.Key, None);
        else
            await StageAsync(store, RandomNumberGenerator.GetBytes(Size));
        await TestUser.RefusedAsync(Kosha.Storage.StorageFault.BytesMissing, WorkAsync);
        Assert.Null(await store.FindSizeAsync("blobs/copy", None));
    }

    private static async Task ReadAsync(S3BlobStore store, StagedObject found)
    {
        await using var bytes = await store.OpenStagedAsync(found, None);
        await bytes.CopyToAsync(Stream.Null);
    }

    /// <summary>Whatever the probe says of this store, Kosha goes by it, and compares in a copy.</summary>
    [Fact]
    public async Task Where_a_store_binds_no_bytes_a_copy_is_read()
    {
        using var store = await NewStoreAsync();
        var (opened, copies) = (new List<string>(), 0);
        var content = RandomNumberGenerator.GetBytes(1000);
        store.Trial = new(BodyBinding.Checksum, RefusesOthers: false);
        UploadTicket? ticket = null;
        var watched = new MeddlingStore(store)
        {
            BeforeOpen = key =>
            {
                opened.Add(key);
                return Task.CompletedTask;
            },
            // Its URL admits any bytes, also while they are verified.
            AfterCopy = () => copies++ == 0
                ? StageAsync(store, RandomNumberGenerator.GetBytes(content.Length), KeyOf(ticket!.Upload))
                : Task.CompletedTask,
        };
        using var uploads = Storage.UploadsOn(watched);
        ticket = await uploads.BeginAsync(
            User.Caller, new(TestUser.At("file"), content.Length, new(SHA256.HashData(content))), None);
        Assert.DoesNotContain("x-amz-content-sha256", ticket.Puts![0].Headers.Keys);
        Assert.Equal(200, await PutAsync(ticket.Puts[0], content));
        var taken = (await uploads.TakeAsync(User.Caller, ticket.Upload.Id, None))!;
        Assert.Null(await uploads.TakeAsync(User.Caller, ticket.Upload.Id, None));
        await uploads.FinishAsync(User.Caller, taken, [], TimeProvider.System, None);
        Assert.Equal(2, copies);
        Assert.Equal($"{KeyOf(ticket.Upload)}.0", Assert.Single(opened));
        var vault = Storage.VaultOn(store);
        await using var stored = await vault.OpenAsync(await User.GetAsync("file"), 0, content.Length, None);
        Assert.Equal(SHA256.HashData(content), await SHA256.HashDataAsync(stored));
        Assert.Null(await store.FindSizeAsync($"{KeyOf(ticket.Upload)}.0", None));
        Assert.Equal(40, await Storage.SqlAsync<int>("select octet_length(sha1) * 2 from blobs"));
    }

    [Fact]
    public async Task A_store_that_takes_no_signed_urls_gets_its_uploads_from_the_daemon()
    {
        using var store = await NewStoreAsync();
        store.Trial = new(Binding: null, RefusesOthers: false);
        using var uploads = Storage.UploadsOn(store);
        var content = RandomNumberGenerator.GetBytes(1000);
        var ticket = await uploads.BeginAsync(
            User.Caller, new(TestUser.At("file"), content.Length, new(SHA256.HashData(content))), None);
        Assert.Null(ticket.Puts);
        await uploads.ReceiveAsync(ticket.Upload.Id, 0, new MemoryStream(content), content.Length, None);
        var taken = (await uploads.TakeAsync(User.Caller, ticket.Upload.Id, None))!;
        await uploads.FinishAsync(User.Caller, taken, [], TimeProvider.System, None);
        Assert.Equal(content.Length, (await User.GetAsync("file")).Size);
    }

    [Fact]
    public async Task Whoever_died_while_verifying_is_followed()
    {
        using var uploads = Storage.UploadsOn(Storage.Store);
        var content = RandomNumberGenerator.GetBytes(1000);
        var begun = (await uploads.BeginAsync(
            User.Caller, new(TestUser.At("file"), content.Length, new(SHA256.HashData(content))), None)).Upload;
        await uploads.ReceiveAsync(begun.Id, 0, new MemoryStream(content), null, None);
        var dead = (await uploads.TakeAsync(User.Caller, begun.Id, None))!;
        Assert.Equal(UploadState.Verifying, (await uploads.GetAsync(User.Caller, begun.Id, None)).State);
        await Storage.ExecuteAsync("update uploads set verifier_until = now()");
        Assert.Equal(UploadState.Open, (await uploads.GetAsync(User.Caller, begun.Id, None)).State);
        var taken = (await uploads.TakeAsync(User.Caller, begun.Id, None))!;
        // Who was thought dead may not name it any more.
        await TestUser.RefusedAsync(Kosha.Storage.StorageFault.UploadOver,
            () => uploads.FinishAsync(User.Caller, dead, [], TimeProvider.System, None));
        Assert.Null(await User.FindAsync("file"));
        await uploads.FinishAsync(User.Caller, taken, [], TimeProvider.System, None);
        Assert.Equal((1000L, 1L), await User.UsageAsync());
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_sweep_between_claim_and_name_does_no_harm()
    {
        var sweeps = 0;
        var store = new MeddlingStore(Storage.Store)
        {
            AfterCopy = async () =>
            {
                if (sweeps++ == 0)
                    await Storage.ExecuteAsync("delete from blobs; update blob_objects set doomed_at = now()");
            },
        };
        using var uploads = Storage.UploadsOn(store);
        var content = RandomNumberGenerator.GetBytes(1000);
        var begun = (await uploads.BeginAsync(
            User.Caller, new(TestUser.At("file"), content.Length, new(SHA256.HashData(content))), None)).Upload;
        await uploads.ReceiveAsync(begun.Id, 0, new MemoryStream(content), null, None);
        var taken = (await uploads.TakeAsync(User.Caller, begun.Id, None))!;
        await uploads.FinishAsync(User.Caller, taken, [], TimeProvider.System, None);
        Assert.Equal(2, sweeps);
        await using var stored = await Storage.Vault.OpenAsync(await User.GetAsync("file"), 0, content.Length, None);
        Assert.Equal(SHA256.HashData(content), await SHA256.HashDataAsync(stored));
    }

    public override async ValueTask DisposeAsync()
    {
        anybody.Dispose();
        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
