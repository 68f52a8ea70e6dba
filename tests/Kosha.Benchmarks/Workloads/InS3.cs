namespace Kosha.Benchmarks.Workloads;

/// <summary>Files of three sizes on servers whose bytes are in one S3 store, and in that store itself.</summary>
internal static class InS3
{
    public const string Group = "s3";

    private const int SmallFiles = 400;
    private const int MiddleFiles = 64;
    private const int MiddleBytes = 1 << 20;
    private const int Few = 4;
    private const int Many = 8;

    public static IReadOnlyList<Workload> Workloads { get; } =
    [
        new(Group, "PUT of 4 KiB, 1 connection", Unit.OperationsPerSecond, round => PutSmall(round, 1))
        {
            Prepare = MakeFolders,
        },
        new(Group, "PUT of 4 KiB, 8 connections", Unit.OperationsPerSecond, round => PutSmall(round, Many)),
        new(Group, "GET of 4 KiB, 1 connection", Unit.OperationsPerSecond, round => GetSmall(round, 1)),
        new(Group, "GET of 4 KiB, 8 connections", Unit.OperationsPerSecond, round => GetSmall(round, Many)),
        new(Group, "PUT of 1 MiB, 4 connections", Unit.MegabytesPerSecond, PutMiddle),
        new(Group, "GET of 1 MiB, 4 connections", Unit.MegabytesPerSecond, GetMiddle),
        new(Group, "PUT of a big file", Unit.MegabytesPerSecond, BigFile.Put),
        new(Group, "GET of a big file", Unit.MegabytesPerSecond, BigFile.Get),
    ];

    private static void MakeFolders(Round round)
    {
        string[] folders = ["", "small1/", $"small{Many}/", "middle/"];
        Requests.MakeFolders(round.Target, folders.Select(folder => round.Folder + folder));
    }

    private static string SmallOf(Round round, int connections, int number) =>
        round.PathOf($"small{connections}/f{number:D4}.bin");

    private static string MiddleOf(Round round, int number) => round.PathOf($"middle/f{number:D4}.bin");

    private static Measurement PutSmall(Round round, int connections) =>
        Load.Run(round.Target, connections, SmallFiles, TimeSpan.FromMinutes(2), (worker, number) =>
        {
            round.Contents.FillSmall(worker.Buffer, (connections * 1_000_000L) + number);
            return worker.Connection.Put(SmallOf(round, connections, number), worker.Buffer);
        });

    private static Measurement GetSmall(Round round, int connections) =>
        Load.Run(round.Target, connections, null, round.Limit, (worker, number) =>
        {
            var file = number * 7919 % SmallFiles;
            round.Contents.FillSmall(worker.Buffer, (Many * 1_000_000L) + file);
            return worker.Connection.GetEquals(SmallOf(round, Many, file), worker.Buffer);
        });

    private static byte[] Middle(Round round, int number)
    {
        var content = new byte[MiddleBytes];
        round.Contents.FillSmall(content, 20_000_000 + number);
        return content;
    }

    private static Measurement PutMiddle(Round round) =>
        Load.Run(round.Target, Few, MiddleFiles, TimeSpan.FromMinutes(2), (worker, number) =>
            worker.Connection.Put(MiddleOf(round, number), Middle(round, number)), MiddleBytes);

    private static Measurement GetMiddle(Round round) =>
        Load.Run(round.Target, Few, null, round.Limit, (worker, number) =>
        {
            var file = number * 7919 % MiddleFiles;
            return worker.Connection.GetEquals(MiddleOf(round, file), Middle(round, file));
        }, MiddleBytes);
}
