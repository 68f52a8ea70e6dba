using Amazon.S3;
using Amazon.S3.Model;
using Kosha.Storage.Blobs;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Blobs;

/// <summary>What Kosha finds out about a store and its bucket, and which rules its own buckets get.</summary>
public sealed class S3ReportTests(TestS3 s3) : IAsyncLifetime
{
    private const string Origin = "https://files.example.org";
    private static readonly CancellationToken None = CancellationToken.None;

    private S3StoreOptions options = null!;
    private AmazonS3Client client = null!;

    public async ValueTask InitializeAsync()
    {
        // A bucket of its own in any store: its rules are at stake here.
        options = (await s3.NewPublicStoreAsync()) with
        {
            Bucket = $"kosha-test-{Guid.NewGuid():N}", Prefix = "deep/er/", BrowserOrigin = Origin,
        };
        client = TestS3.Client(options);
    }

    public async ValueTask DisposeAsync()
    {
        await client.DeleteBucketAsync(options.Bucket, None);
        client.Dispose();
    }

    private async Task<S3Report> ReportAsync()
    {
        using var store = new S3BlobStore(options, TimeProvider.System);
        await store.CreateAsync(None);
        await store.CheckAsync(None);
        return await store.ReportAsync(None);
    }

    [Fact]
    public async Task A_bucket_that_Kosha_makes_has_the_rules_that_it_should_have()
    {
        var report = await ReportAsync();
        Assert.Empty(report.Warnings);
        Assert.Empty(report.ToAdd);
        Assert.Equal(
        [
            "Conditional puts: yes.",
            "Checksums: the store refuses bytes that have another SHA-256 than was sent with them.",
            "Uploads by signed URL: the store takes the signed bytes and no others.",
            $"Uploads by browsers: pages of {Origin} may.",
        ], report.Capabilities);
        var cors = Assert.Single((await client.GetCORSConfigurationAsync(
            new GetCORSConfigurationRequest { BucketName = options.Bucket }, None)).Configuration.Rules);
        Assert.Equal([Origin], cors.AllowedOrigins);
        Assert.Equal(["GET", "PUT"], cors.AllowedMethods.Order());
        Assert.Equal(["*"], cors.AllowedHeaders);
        Assert.Equal(["ETag"], cors.ExposeHeaders);
        var abort = Assert.Single((await client.GetLifecycleConfigurationAsync(
            new GetLifecycleConfigurationRequest { BucketName = options.Bucket }, None)).Configuration.Rules);
        Assert.Equal(7, abort.AbortIncompleteMultipartUpload.DaysAfterInitiation);
        Assert.Null(abort.Expiration?.Days);
    }

    [Fact]
    public async Task A_bucket_that_was_there_keeps_its_rules_and_what_to_add_is_said()
    {
        await client.PutBucketAsync(options.Bucket, None);
        var report = await ReportAsync();
        Assert.Empty(report.Warnings);
        Assert.Contains(report.ToAdd, rule => rule.Contains("""
            {"ID":"kosha-unfinished-uploads","Status":"Enabled","Filter":{"Prefix":"deep/er/"},"Abort
            """, StringComparison.Ordinal));
        Assert.Contains(report.ToAdd, rule => rule.Contains($$"""
            {"AllowedOrigins":["{{Origin}}"],"AllowedMethods":["GET","PUT"],"AllowedHeaders":["*"],
            """, StringComparison.Ordinal));
        Assert.Contains($"Uploads by browsers: pages of {Origin} may not.", report.Capabilities);
        var refusal = await Assert.ThrowsAsync<AmazonS3Exception>(() => client.GetCORSConfigurationAsync(
            new GetCORSConfigurationRequest { BucketName = options.Bucket }, None));
        Assert.Equal("NoSuchCORSConfiguration", refusal.ErrorCode);
    }

    [Theory]
    [InlineData("deep/", true)]
    [InlineData("deep/er/blobs/", true)]
    [InlineData("", true)]
    [InlineData("other/", false)]
    public async Task A_rule_that_would_delete_content_is_warned_of(string prefix, bool isHarmful)
    {
        await client.PutBucketAsync(options.Bucket, None);
        await client.PutLifecycleConfigurationAsync(new PutLifecycleConfigurationRequest
        {
            BucketName = options.Bucket,
            Configuration = new()
            {
                Rules =
                [
                    new()
                    {
                        Id = "tidy",
                        Status = LifecycleRuleStatus.Enabled,
                        Filter = new() { LifecycleFilterPredicate = new LifecyclePrefixPredicate { Prefix = prefix } },
                        Expiration = new() { Days = 30 },
                    },
                ],
            },
        }, None);
        var warnings = (await ReportAsync()).Warnings;
        Assert.Equal(isHarmful, warnings.Any(sentence =>
            sentence.Contains("'tidy' deletes objects after 30 days", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Old_versions_are_warned_of()
    {
        await client.PutBucketAsync(options.Bucket, None);
        await client.PutBucketVersioningAsync(new PutBucketVersioningRequest
        {
            BucketName = options.Bucket, VersioningConfig = new() { Status = VersionStatus.Enabled },
        }, None);
        using var store = new S3BlobStore(options, TimeProvider.System);
        var warning = Assert.Single((await store.ReportAsync(None)).Warnings);
        Assert.Contains("keeps old versions", warning, StringComparison.Ordinal);
        await RemoveVersionsAsync();
    }

    private async Task RemoveVersionsAsync()
    {
        var versions = await client.ListVersionsAsync(options.Bucket, None);
        foreach (var version in versions.Versions ?? [])
            await client.DeleteObjectAsync(options.Bucket, version.Key, version.VersionId, None);
    }
}
