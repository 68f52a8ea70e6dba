using System.Globalization;
using System.Net.NetworkInformation;
using Amazon.S3;
using Kosha.Storage.Blobs;
using Kosha.Tests.Infrastructure;
using Kosha.Tests.Tidy;
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

    private const int FirstPort = 20_000;
    private const int PortsOfOne = 16;
    private const int Choices = 700;

    private readonly Lazy<Task<S3StoreOptions>> server = new(FindOrStartAsync);
    private readonly string run = $"kosha-test-{Guid.NewGuid():N}"[..23];
    private int stores;

    /// <summary>The store is one that the tests did not start.</summary>
    public static bool IsForeign => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable));

    /// <summary>How to reach an empty store that nobody else uses. Its bucket may be still to be made.</summary>
    public async Task<S3StoreOptions> NewStoreAsync()
    {
        var options = await server.Value;
        var name = string.Create(CultureInfo.InvariantCulture, $"{run}-{Interlocked.Increment(ref stores)}");
        return IsForeign ? options with { Prefix = $"{run}/{name}/" } : options with { Bucket = name };
    }

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

    private static async Task<S3StoreOptions> FindOrStartAsync()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } text)
            return Parse(text);
        var port = FreePorts();
        (await Tool.RunAsync(Script(port, "up") with { Seconds = 900 })).MustSucceed();
        return Options($"http://127.0.0.1:{port}/", "not-chosen", "koshaaccess", "koshasecretkoshasecret", "us-east-1");
    }

    private static S3StoreOptions Parse(string text)
    {
        var parts = text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(part => part.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);
        return Options(parts["endpoint"], parts["bucket"], parts["access"], parts["secret"],
            parts.GetValueOrDefault("region", "us-east-1"));
    }

    private static S3StoreOptions Options(
        string endpoint, string bucket, string access, string secret, string region) => new()
    {
        Endpoint = new(endpoint),
        Bucket = bucket,
        AccessKey = access,
        SecretKey = secret,
        Region = region,
        ForcePathStyle = true,
    };

    private static ToolStart Script(int port, string command) => Tool.AsRoot(new("env",
        $"S3_NAME=test-{Environment.ProcessId}", $"S3_PORT={port}", $"S3_OWNER={Environment.ProcessId}",
        Path.Combine(SourceTree.Root, "tests/s3/s3-up.sh"), command));

    /// <summary>The first of as many ports in a row as a server needs.</summary>
    private static int FreePorts()
    {
        var used = IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners()
            .Select(listener => listener.Port).ToHashSet();
        return Enumerable.Range(0, Choices)
            .Select(n => FirstPort + ((Environment.ProcessId + n) % Choices * PortsOfOne))
            .First(first => !Enumerable.Range(first, PortsOfOne).Any(used.Contains));
    }

    public async ValueTask DisposeAsync()
    {
        if (!server.IsValueCreated)
            return;
        var options = await server.Value;
        if (IsForeign)
            await RemoveAllAsync(options);
        else
            (await Tool.RunAsync(Script(options.Endpoint!.Port, "wipe"))).MustSucceed();
    }

    private async Task RemoveAllAsync(S3StoreOptions options)
    {
        using var client = Client(options);
        await foreach (var left in client.Paginators.ListObjectsV2(
            new() { BucketName = options.Bucket, Prefix = run + "/" }).S3Objects)
            await client.DeleteObjectAsync(options.Bucket, left.Key);
    }
}
