using System.Net.NetworkInformation;
using Kosha.Storage.Blobs;
using Kosha.Tests.Tidy;

namespace Kosha.Tests.Infrastructure;

/// <summary>A real S3 server (tests/s3/s3-up.sh). It ends, with its data, when it is disposed of.</summary>
public sealed class S3Server : IAsyncDisposable
{
    private const int FirstPort = 20_000;
    private const int PortsOfOne = 16;
    private const int Choices = 700;

    private readonly int port;

    private S3Server(int port) => this.port = port;

    /// <summary>How to reach it; no bucket is chosen.</summary>
    public S3StoreOptions Options => new()
    {
        Endpoint = new($"http://127.0.0.1:{port}/"),
        Bucket = "not-chosen",
        AccessKey = "koshaaccess",
        SecretKey = "koshasecretkoshasecret",
        Region = "us-east-1",
        ForcePathStyle = true,
    };

    public static async Task<S3Server> StartNewAsync()
    {
        var server = new S3Server(FreePorts());
        await server.RunAsync("up");
        return server;
    }

    /// <summary>kill -9 of all that belongs to it, at once.</summary>
    public Task KillAsync() => RunAsync("kill9");

    /// <summary>After a kill.</summary>
    public Task StartAgainAsync() => RunAsync("start");

    private async Task RunAsync(string command) => (await Tool.RunAsync(Tool.AsRoot(new("env",
        $"S3_NAME=test-{Environment.ProcessId}-{port}", $"S3_PORT={port}", $"S3_OWNER={Environment.ProcessId}",
        Path.Combine(SourceTree.Root, "tests/s3/s3-up.sh"), command)) with
    { Seconds = 900 })).MustSucceed();

    /// <summary>The first of as many ports in a row as a server needs.</summary>
    private static int FreePorts()
    {
        var used = IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners()
            .Select(listener => listener.Port).ToHashSet();
        return Enumerable.Range(0, Choices)
            .Select(n => FirstPort + ((Environment.ProcessId + n) % Choices * PortsOfOne))
            .First(first => !Enumerable.Range(first, PortsOfOne).Any(used.Contains));
    }

    public async ValueTask DisposeAsync() => await RunAsync("wipe");
}
