using Kosha.Benchmarks.Http;

namespace Kosha.Benchmarks.Workloads;

/// <summary>Files of 4 KiB: written, read, asked about, overwritten, locked.</summary>
internal static class SmallFiles
{
    private const int Files = 2000;
    private const int Overwrites = 500;
    private const int LockCycles = 300;
    private const int Many = 8;

    public static IReadOnlyList<Workload> Workloads { get; } =
    [
        new("core", "PUT new, 1 connection", Unit.OperationsPerSecond, round => Put(round, 1))
        {
            Prepare = MakeFolders,
        },
        new("core", "PUT new, 8 connections", Unit.OperationsPerSecond, round => Put(round, Many)),
        new("core", "GET, 1 connection", Unit.OperationsPerSecond, round => Get(round, 1)),
        new("core", "GET, 8 connections", Unit.OperationsPerSecond, round => Get(round, Many)),
        new("core", "GET not modified, 1 connection", Unit.OperationsPerSecond, round => NotModified(round, 1)),
        new("core", "GET not modified, 8 connections", Unit.OperationsPerSecond, round => NotModified(round, Many)),
        new("core", "PROPFIND of a file, 1 connection", Unit.OperationsPerSecond, round => Propfind(round, 1)),
        new("core", "PROPFIND of a file, 8 connections", Unit.OperationsPerSecond, round => Propfind(round, Many)),
        new("core", "PUT over one name", Unit.OperationsPerSecond, Overwrite),
        new("core", "LOCK, PUT, UNLOCK, 1 connection", Unit.OperationsPerSecond, round => LockCycle(round, 1)),
        new("core", "LOCK, PUT, UNLOCK, 8 connections", Unit.OperationsPerSecond, round => LockCycle(round, Many)),
    ];

    private static void MakeFolders(Round round)
    {
        string[] folders = ["", "put1/", $"put{Many}/", "locked/"];
        Requests.MakeFolders(round.Target, folders.Select(folder => round.Folder + folder));
        using var connection = new Connection(round.Target);
        for (var i = 0; i < 60; i++)
        {
            connection.Put(round.PathOf("warm"), new byte[64]);
            connection.Send("GET", round.PathOf("warm"));
            connection.Propfind(round.PathOf("warm"), 0, Requests.SomeProperties);
        }
    }

    private static string FileOf(Round round, int connections, int number) =>
        round.PathOf($"put{connections}/f{number:D5}.bin");

    // Numbers that jump about, so that no server sees them in order.
    private static int Scattered(int number) => (int)((uint)(number * 7919) % Files);

    private static Measurement Put(Round round, int connections) =>
        Load.Run(round.Target, connections, Files, TimeSpan.FromMinutes(2), (worker, number) =>
        {
            round.Contents.FillSmall(worker.Buffer, ContentOf(connections, number));
            return worker.Connection.Put(FileOf(round, connections, number), worker.Buffer);
        });

    private static long ContentOf(int connections, int number) => (connections * 1_000_000L) + number;

    private static Measurement Get(Round round, int connections) =>
        Load.Run(round.Target, connections, null, round.Limit, (worker, number) =>
        {
            var file = Scattered(number);
            round.Contents.FillSmall(worker.Buffer, ContentOf(Many, file));
            return worker.Connection.GetEquals(FileOf(round, Many, file), worker.Buffer);
        });

    private static Measurement NotModified(Round round, int connections)
    {
        var etags = new string?[Files];
        Load.Run(round.Target, Many, Files, TimeSpan.FromMinutes(1), (worker, number) =>
        {
            worker.Connection.Send("GET", FileOf(round, Many, number));
            return (etags[number] = worker.Connection.Head.Etag) is not null;
        });
        if (etags.Contains(null))
            throw new InvalidDataException("a fresh file has no ETag");
        return Load.Run(round.Target, connections, null, round.Limit, (worker, number) =>
        {
            var file = Scattered(number);
            var exchange = new Exchange($"If-None-Match: {etags[file]}\r\n");
            return worker.Connection.Send("GET", FileOf(round, Many, file), exchange) == 304;
        });
    }

    private static Measurement Propfind(Round round, int connections) =>
        Load.Run(round.Target, connections, null, round.Limit, (worker, number) => worker.Connection.Propfind(
            FileOf(round, Many, Scattered(number)), 0, Requests.SomeProperties));

    private static Measurement Overwrite(Round round)
    {
        var path = round.PathOf("same.bin");
        var measured = Load.Run(round.Target, 1, Overwrites, TimeSpan.FromMinutes(1), (worker, number) =>
        {
            round.Contents.FillSmall(worker.Buffer, 5_000_000 + number);
            return worker.Connection.Put(path, worker.Buffer);
        });
        var last = new byte[Load.SmallFileBytes];
        round.Contents.FillSmall(last, 5_000_000 + Overwrites - 1);
        using var connection = new Connection(round.Target);
        return connection.GetEquals(path, last) ? measured : measured with { Failure = "another content is there" };
    }

    private static Measurement LockCycle(Round round, int connections)
    {
        for (var i = 0; i < connections; i++)
        {
            using var connection = new Connection(round.Target);
            connection.Put(round.PathOf($"locked/f{i}"), new byte[Load.SmallFileBytes]);
        }
        return Load.Run(round.Target, connections, LockCycles, TimeSpan.FromMinutes(1), (worker, number) =>
        {
            var path = round.PathOf($"locked/f{worker.Index}");
            round.Contents.FillSmall(worker.Buffer, 7_000_000 + number);
            return worker.Connection.Lock(path) is { } token
                && worker.Connection.Put(path, worker.Buffer, $"If: ({token})\r\n")
                && worker.Connection.Unlock(path, token);
        });
    }
}
