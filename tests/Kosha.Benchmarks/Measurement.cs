namespace Kosha.Benchmarks;

/// <summary>One run of one workload on one server.</summary>
/// <param name="Operations">Those that succeeded.</param>
/// <param name="Seconds">From the first request to the last answer.</param>
/// <param name="Bytes">Of content moved, if that is what counts.</param>
/// <param name="Latencies">Seconds of every operation, in order of size.</param>
/// <param name="Failure">Null if every operation did what it should; a run with a failure has no result.</param>
public sealed record Measurement(
    int Operations, double Seconds, long Bytes, IReadOnlyList<double> Latencies, string? Failure = null)
{
    /// <summary>Of the server, all its processes together but those of a Postgres.</summary>
    public Usage Server { get; init; } = Usage.None;

    /// <summary>Of the server's Postgres, if it has one.</summary>
    public Usage Database { get; init; } = Usage.None;

    /// <summary>The 99th percentile, in milliseconds.</summary>
    public double P99 => Latencies.Count == 0 ? 0 : Latencies[(int)(Latencies.Count * 0.99)] * 1000;
}
