using System.Net;
using Amazon.S3;
using Amazon.S3.Model;
using Kosha.Storage.Blobs;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Blobs;

/// <summary>The tests' own store, or the one that KOSHA_TEST_S3 names.</summary>
public sealed class S3ReportTests(TestS3 s3) : S3ReportContract
{
    protected override bool? TakesRules => TestS3.IsForeign ? null : true;

    protected override Task<S3StoreOptions> NewStoreAsync() => s3.NewPublicStoreAsync();
}

/// <summary>A store that has no such rules and says 501 to them.</summary>
public sealed class S3ReportLikeMinioTests(TestS3 s3) : S3ReportContract
{
    private MinioLikeS3 minio = null!;

    protected override bool? TakesRules => false;

    protected override async Task<S3StoreOptions> NewStoreAsync()
    {
        var options = await s3.NewStoreAsync();
        minio = new(options.Endpoint!);
        return options with { Endpoint = minio.Url, PublicEndpoint = minio.Url };
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        minio.Dispose();
    }
}

/// <summary>What Kosha finds out about a store and its bucket, and which rules its own buckets get.</summary>
public abstract class S3ReportContract : IAsyncLifetime
{
    private const string Origin = "https://files.example.org";
    private static readonly CancellationToken None = CancellationToken.None;

    private S3StoreOptions options = null!;
    private AmazonS3Client client = null!;

    /// <summary>Whether a bucket can have rules about other pages and unfinished uploads; null: nobody knows.</summary>
    protected abstract bool? TakesRules { get; }

    protected abstract Task<S3StoreOptions> NewStoreAsync();

    public async ValueTask InitializeAsync()
    {
        // A bucket of its own in any store: its rules are at stake here.
        options = (await NewStoreAsync()) with
        {
            Bucket = $"kosha-test-{Guid.NewGuid():N}", Prefix = "deep/er/", BrowserOrigin = Origin,
        };
        client = TestS3.Client(options);
    }

    public virtual async ValueTask DisposeAsync()
    {
        await client.DeleteBucketAsync(options.Bucket, None);
        client.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>The bucket's rules about pages of other origins; null: the store knows no such rules.</summary>
    private async Task<IReadOnlyList<CORSRule>?> FindCorsAsync()
    {
        try
        {
            return (await client.GetCORSConfigurationAsync(
                new GetCORSConfigurationRequest { BucketName = options.Bucket }, None)).Configuration.Rules ?? [];
        }
        catch (AmazonS3Exception e) when (e.ErrorCode == "NoSuchCORSConfiguration")
        {
            return [];
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotImplemented)
        {
            return null;
        }
    }

    /// <summary>The bucket's rules about the life of objects.</summary>
    private async Task<IReadOnlyList<LifecycleRule>> LifecycleAsync()
    {
        try
        {
            return (await client.GetLifecycleConfigurationAsync(
                new GetLifecycleConfigurationRequest { BucketName = options.Bucket }, None)).Configuration.Rules ?? [];
        }
        catch (AmazonS3Exception e) when (e.ErrorCode == "NoSuchLifecycleConfiguration")
        {
            return [];
        }
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
        Assert.Equal(
        [
            "Conditional puts: yes.",
            "Checksums: the store refuses bytes that have another SHA-256 than was sent with them.",
            "Uploads by signed URL: the store takes the signed bytes and no others.",
            $"Uploads by browsers: pages of {Origin} may.",
        ], report.Capabilities);
        // A store that knows no such rules lets every page in, and removes unfinished uploads by itself.
        var (cors, lifecycle) = (await FindCorsAsync(), await LifecycleAsync());
        if (TakesRules is { } takesRules)
            Assert.Equal((takesRules ? 1 : null, takesRules ? 1 : 0), (cors?.Count, lifecycle.Count));
        Assert.All(cors ?? [], rule =>
        {
            Assert.Equal([Origin], rule.AllowedOrigins);
            Assert.Equal(["GET", "PUT"], rule.AllowedMethods.Order());
            Assert.Equal(["*"], rule.AllowedHeaders);
            Assert.Equal(["ETag"], rule.ExposeHeaders);
        });
        Assert.All(lifecycle, rule => Assert.Equal(7, rule.AbortIncompleteMultipartUpload.DaysAfterInitiation));
        Assert.All(lifecycle, rule => Assert.Null(rule.Expiration?.Days));
        Assert.Equal(lifecycle.Count == 0 ? 1 : 0, report.ToAdd.Count);
        Assert.All(report.ToAdd, rule => Assert.Contains("(MinIO needs none)", rule, StringComparison.Ordinal));
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
        Assert.Empty(await LifecycleAsync());
        var isOpen = await FindCorsAsync() is null;
        Assert.Equal(isOpen, !report.ToAdd.Any(rule => rule.Contains($$"""
            {"AllowedOrigins":["{{Origin}}"],"AllowedMethods":["GET","PUT"],"AllowedHeaders":["*"],
            """, StringComparison.Ordinal)));
        Assert.EndsWith(isOpen ? "may." : "may not.", report.Capabilities[^1], StringComparison.Ordinal);
        Assert.Empty(await FindCorsAsync() ?? []);
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
