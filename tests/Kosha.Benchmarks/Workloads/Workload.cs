using Kosha.Benchmarks.Http;

namespace Kosha.Benchmarks.Workloads;

/// <summary>What the figure of a workload says.</summary>
public enum Unit
{
    /// <summary>More is better.</summary>
    OperationsPerSecond,

    /// <summary>More is better; a megabyte is 10^6 bytes.</summary>
    MegabytesPerSecond,

    /// <summary>Less is better.</summary>
    Seconds,

    /// <summary>The average; less is better.</summary>
    MillisecondsEach,
}

/// <summary>Where and how a workload runs.</summary>
/// <param name="Target">The server.</param>
/// <param name="Folder">Below the target, ends in '/', fresh for every round.</param>
/// <param name="Contents">Fresh for every round.</param>
/// <param name="Limit">For workloads without a number of operations of their own.</param>
/// <param name="BigBytes">Size of the big file.</param>
public sealed record Round(Target Target, string Folder, Contents Contents, TimeSpan Limit, long BigBytes)
{
    public string PathOf(string below) => Target.PathOf(Folder + below);
}

/// <summary>One kind of work. Those of a group run in their order and build on each other.</summary>
/// <param name="Group">core, list, big, tree, s3 or api.</param>
/// <param name="Name">As in the report.</param>
/// <param name="Unit">Of the figure.</param>
/// <param name="Run">Measures; throws if the server does not do what it should.</param>
public sealed record Workload(string Group, string Name, Unit Unit, Func<Round, Measurement> Run)
{
    /// <summary>What the next workloads need and nobody measures.</summary>
    public Action<Round>? Prepare { get; init; }

    public static IReadOnlyList<Workload> All { get; } =
    [
        .. SmallFiles.Workloads, .. Depth.Workloads, .. Listings.Workloads, .. BigFile.Workloads, .. Trees.Workloads,
        .. InS3.Workloads, .. ApiCalls.Workloads,
    ];

    /// <summary>The figure of a measurement in this workload's unit.</summary>
    public double Figure(Measurement m) => Unit switch
    {
        Unit.OperationsPerSecond => m.Operations / m.Seconds,
        Unit.MegabytesPerSecond => m.Bytes / 1e6 / m.Seconds,
        Unit.MillisecondsEach => m.Seconds * 1000 / m.Operations,
        _ => m.Seconds,
    };
}
