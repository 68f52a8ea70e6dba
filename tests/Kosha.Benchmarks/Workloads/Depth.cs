using Kosha.Benchmarks.Http;

namespace Kosha.Benchmarks.Workloads;

/// <summary>Folders 15 deep: made in 20 chains, and a file at the bottom of one.</summary>
internal static class Depth
{
    private const int Chains = 20;
    private const int Levels = 15;

    public static IReadOnlyList<Workload> Workloads { get; } =
    [
        new("core", "MKCOL", Unit.OperationsPerSecond, MakeChains)
        {
            Prepare = round => Requests.MakeFolders(round.Target, round.Folder, round.Folder + "deep/"),
        },
        new("core", "PROPFIND 15 deep", Unit.OperationsPerSecond, round => Load.Run(
            round.Target, 1, null, round.Limit,
            (worker, _) => worker.Connection.Propfind(Bottom(round), 0, Requests.SomeProperties)))
        {
            Prepare = PutBottom,
        },
        new("core", "GET 15 deep", Unit.OperationsPerSecond, round => Load.Run(
            round.Target, 1, null, round.Limit, (worker, _) => worker.Connection.Send("GET", Bottom(round)) == 200)),
    ];

    private static string FolderOf(Round round, int chain, int levels) => round.PathOf(
        "deep/" + string.Concat(Enumerable.Range(0, levels).Select(level => level == 0 ? $"c{chain}/" : $"l{level}/")));

    private static string Bottom(Round round) => FolderOf(round, 0, Levels) + "leaf";

    private static Measurement MakeChains(Round round) =>
        Load.Run(round.Target, 1, Chains * Levels, TimeSpan.FromMinutes(1), (worker, number) =>
            worker.Connection.Send("MKCOL", FolderOf(round, number / Levels, (number % Levels) + 1)) == 201);

    private static void PutBottom(Round round)
    {
        using var connection = new Connection(round.Target);
        connection.Put(Bottom(round), new byte[Load.SmallFileBytes]);
    }
}
