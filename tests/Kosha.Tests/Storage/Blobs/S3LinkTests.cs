using System.Net;
using System.Net.Http.Headers;
using Kosha.Storage.Blobs;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Blobs;

/// <summary>Links of the S3 store itself, asked by a client that has nothing but the link.</summary>
public sealed class S3LinkTests(TestS3 s3) : IAsyncLifetime
{
    private const string Disposition = "attachment; filename=\"_ & +.bin\"; filename*=UTF-8''%C3%A9%20%26%20%2B.bin";

    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly byte[] Bytes = "0123456789"u8.ToArray();
    private static readonly LinkedContent Content = new("text/x-test; charset=utf-8", Disposition);

    private readonly TestFolder folder = new();
    private readonly HttpClient anybody = new();
    private S3StoreOptions options = null!;
    private S3BlobStore store = null!;
    private string key = null!;

    public async ValueTask InitializeAsync()
    {
        options = await s3.NewPublicStoreAsync();
        store = new(options, TimeProvider.System);
        await store.CreateAsync(None);
        var spools = new SpoolFolder(folder.NewFolder("spool"), 1 << 20);
        spools.Prepare();
        await using var spool = await spools.ReceiveAsync(
            new MemoryStream(Bytes), null, null, () => new(default, ""), None);
        key = store.Key(spool.Sha256, 1);
        await store.PutAsync(key, spool, None);
    }

    public ValueTask DisposeAsync()
    {
        store?.Dispose();
        anybody.Dispose();
        folder.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<Uri> LinkAsync(double seconds = 60) =>
        (await store.FindLinkAsync(key, Content, TimeSpan.FromSeconds(seconds), None))!;

    [Fact]
    public async Task A_link_gives_the_bytes_with_the_type_and_name_that_were_signed()
    {
        var link = await LinkAsync();
        Assert.Equal(options.PublicEndpoint!.Authority, link.Authority);
        using var answer = await anybody.GetAsync(link);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(Bytes, await answer.Content.ReadAsByteArrayAsync());
        Assert.Equal(Content.ContentType, answer.Content.Headers.ContentType!.ToString());
        Assert.Equal(Disposition, Assert.Single(answer.Content.Headers.NonValidated["Content-Disposition"]));
        Assert.Equal("no-store", answer.Headers.CacheControl!.ToString());
        using var ranged = new HttpRequestMessage(HttpMethod.Get, link);
        ranged.Headers.Range = new RangeHeaderValue(2, 4);
        using var part = await anybody.SendAsync(ranged);
        Assert.Equal("234", await part.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_link_that_is_changed_is_refused()
    {
        var link = (await LinkAsync()).OriginalString;
        foreach (var changed in new[] { link.Replace("text%2Fx-test", "text%2Fhtml", StringComparison.Ordinal),
            link.Replace("attachment", "inline", StringComparison.Ordinal), link + "0" })
        {
            Assert.NotEqual(link, changed);
            using var answer = await anybody.GetAsync(new Uri(changed));
            Assert.InRange((int)answer.StatusCode, 400, 499);
        }
    }

    [Fact]
    public async Task A_link_that_has_expired_is_refused()
    {
        var link = await LinkAsync(seconds: 1);
        await Eventually.TrueAsync("the link has expired", async () =>
        {
            using var answer = await anybody.GetAsync(link);
            return answer.StatusCode == HttpStatusCode.Forbidden;
        });
    }

    [Fact]
    public async Task Without_a_public_endpoint_there_is_none()
    {
        using var hidden = new S3BlobStore(options with { PublicEndpoint = null }, TimeProvider.System);
        Assert.Null(await hidden.FindLinkAsync(key, Content, TimeSpan.FromSeconds(60), None));
    }
}
