using Kosha.Benchmarks.Http;

namespace Kosha.Benchmarks.Peers;

/// <summary>
/// The bucket in which all peers of a run keep their bytes, each in a folder of its own. tests/bench.sh starts the
/// server and says by S3_ENDPOINT and its like where it is.
/// </summary>
internal sealed class S3Store
{
    private S3Store(string bucket) => Bucket = bucket;

    /// <summary>Of this process; made when it is first asked for.</summary>
    public static Lazy<S3Store> OfRun { get; } = new(Create);

    public string Bucket { get; }

    public string Endpoint { get; } = Variable("S3_ENDPOINT").TrimEnd('/');

    public string AccessKey { get; } = Variable("S3_ACCESS_KEY");

    public string SecretKey { get; } = Variable("S3_SECRET_KEY");

    public string Region { get; } = Variable("S3_REGION");

    /// <summary>What is there without anybody between.</summary>
    public Target Direct => TargetOf($"{Bucket}/direct/");

    private S3Target TargetOf(string path) => new(new($"{Endpoint}/{path}"), AccessKey, SecretKey, Region);

    private static S3Store Create()
    {
        var store = new S3Store($"kosha-bench-{Guid.NewGuid():N}"[..24]);
        using var connection = new Connection(store.TargetOf(""));
        var status = connection.Send("PUT", $"/{store.Bucket}");
        return status == 200 ? store : throw new InvalidOperationException($"The bucket cannot be made: {status}.");
    }

    private static string Variable(string name) => Environment.GetEnvironmentVariable(name)
        ?? throw new InvalidOperationException($"{name} must say where the S3 server is; tests/bench.sh does it.");
}
