using System.Globalization;
using Amazon.S3;
using Kosha.Storage.Blobs;
using Kosha.Tests.Infrastructure;
using Xunit;

[assembly: AssemblyFixture(typeof(TestS3))]

namespace Kosha.Tests.Infrastructure;

/// <summary>
/// One real S3 server for the whole run, started when it is first asked for, with a bucket for each user of it.
/// KOSHA_TEST_S3 names another store instead, with a prefix for each:
/// <c>endpoint=…;bucket=…;access=…;secret=…;region=…</c>.
/// </summary>
public sealed class TestS3 : IAsyncDisposable
{
    public const string Variable = "KOSHA_TEST_S3";

    private readonly Lazy<Task<S3StoreOptions>> server;
    private readonly string run = $"kosha-test-{Guid.NewGuid():N}"[..23];
    private S3Server? own;
    private int stores;

    public TestS3() => server = new(FindOrStartAsync);

    /// <summary>The store is one that the tests did not start.</summary>
    public static bool IsForeign => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable));

    /// <summary>How to reach an empty store that nobody else uses. Its bucket may be still to be made.</summary>
    public async Task<S3StoreOptions> NewStoreAsync()
    {
        var options = await server.Value;
        var name = string.Create(CultureInfo.InvariantCulture, $"{run}-{Interlocked.Increment(ref stores)}");
        return IsForeign ? options with { Prefix = $"{run}/{name}/" } : options with { Bucket = name };
    }

    /// <summary>
    /// As <see cref="NewStoreAsync()"/>; where Kosha reaches it and where clients do are two addresses of one server.
    /// </summary>
    public async Task<S3StoreOptions> NewPublicStoreAsync()
    {
        var options = await NewStoreAsync();
        return options with
        {
            PublicEndpoint = IsForeign ? options.Endpoint : new($"http://localhost:{options.Endpoint!.Port}"),
        };
    }

    /// <summary>An empty store of a kind of <see cref="TestStore"/>.</summary>
    public async Task<TestStore> NewStoreAsync(string kind) =>
        new(kind == TestStore.InS3 ? await NewStoreAsync() : null);

    /// <summary>The settings with which a Kosha uses such a store.</summary>
    public static IReadOnlyList<(string Key, string Value)> Settings(S3StoreOptions options) =>
    [
        ("Blobs:Store", "s3"), ("Blobs:S3:Endpoint", options.Endpoint!.AbsoluteUri),
        ("Blobs:S3:Region", options.Region), ("Blobs:S3:Bucket", options.Bucket), ("Blobs:S3:Prefix", options.Prefix),
        ("Blobs:S3:AccessKey", options.AccessKey!), ("Blobs:S3:SecretKey", options.SecretKey!),
    ];

    /// <summary>The SDK's own client, to look at what Kosha has stored.</summary>
    public static AmazonS3Client Client(S3StoreOptions options) => new(options.AccessKey, options.SecretKey,
        new AmazonS3Config
        {
            ServiceURL = options.Endpoint!.AbsoluteUri,
            AuthenticationRegion = options.Region,
            ForcePathStyle = true,
        });

    private async Task<S3StoreOptions> FindOrStartAsync()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } text)
            return Parse(text);
        own = await S3Server.StartNewAsync();
        return own.Options;
    }

    private static S3StoreOptions Parse(string text)
    {
        var parts = text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(part => part.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);
        return new()
        {
            Endpoint = new(parts["endpoint"]),
            Bucket = parts["bucket"],
            AccessKey = parts["access"],
            SecretKey = parts["secret"],
            Region = parts.GetValueOrDefault("region", "us-east-1"),
            ForcePathStyle = true,
        };
    }

    public async ValueTask DisposeAsync()
    {
        if (!server.IsValueCreated)
            return;
        var options = await server.Value;
        if (own is null)
            await RemoveAllAsync(options);
        else
            await own.DisposeAsync();
    }

    private async Task RemoveAllAsync(S3StoreOptions options)
    {
        using var client = Client(options);
        await foreach (var left in client.Paginators.ListObjectsV2(
            new() { BucketName = options.Bucket, Prefix = run + "/" }).S3Objects)
            await client.DeleteObjectAsync(options.Bucket, left.Key);
    }
}
