using Kosha.Benchmarks.Http;

namespace Kosha.Benchmarks.Workloads;

/// <summary>A tree of 20 folders with 100 files each: copied, moved, deleted, each by one request.</summary>
internal static class Trees
{
    private const int Folders = 20;
    private const int FilesPerFolder = 100;

    public static IReadOnlyList<Workload> Workloads { get; } =
    [
        new("tree", "COPY of 2,000 files", Unit.Seconds, round => Transfer(round, "COPY", "tree/", "copy/"))
        {
            Prepare = Fill,
        },
        new("tree", "MOVE of 2,000 files", Unit.Seconds, round => Transfer(round, "MOVE", "copy/", "moved/")),
        new("tree", "DELETE of 2,000 files", Unit.Seconds, Delete),
    ];

    private static string FileOf(int number) => $"d{number / FilesPerFolder:D2}/f{number % FilesPerFolder:D3}.bin";

    private static void Fill(Round round)
    {
        var folders = Enumerable.Range(0, Folders).Select(folder => $"tree/d{folder:D2}/");
        Requests.MakeFolders(round.Target, new[] { "", "tree/" }.Concat(folders).Select(path => round.Folder + path));
        var filled = Load.Run(round.Target, 8, Folders * FilesPerFolder, TimeSpan.FromMinutes(2), (worker, number) =>
        {
            round.Contents.FillSmall(worker.Buffer, 9_000_000 + number);
            return worker.Connection.Put(round.PathOf("tree/" + FileOf(number)), worker.Buffer);
        });
        if (filled.Failure is not null)
            throw new InvalidDataException($"The tree cannot be made: {filled.Failure}");
    }

    private static Measurement Transfer(Round round, string method, string from, string to)
    {
        var measured = Load.Once(round.Target, 0, connection =>
        {
            var destination = round.Target.AbsoluteOf(round.Folder + to);
            var exchange = new Exchange($"Destination: {destination}\r\nDepth: infinity\r\nOverwrite: F\r\n");
            Require(connection.Send(method, round.PathOf(from), exchange) is 200 or 201 or 204, connection);
        });
        using var after = new Connection(round.Target);
        var last = new byte[Load.SmallFileBytes];
        round.Contents.FillSmall(last, 9_000_000 + (Folders * FilesPerFolder) - 1);
        Require(after.GetEquals(round.PathOf(to + FileOf((Folders * FilesPerFolder) - 1)), last), after);
        return measured;
    }

    private static Measurement Delete(Round round)
    {
        var measured = Load.Once(round.Target, 0, connection =>
            Require(connection.Send("DELETE", round.PathOf("moved/")) is 200 or 204, connection));
        using var after = new Connection(round.Target);
        Require(after.Send("GET", round.PathOf("moved/" + FileOf(0))) == 404, after);
        return measured;
    }

    private static void Require(bool condition, Connection connection)
    {
        if (!condition)
            throw new InvalidDataException($"status {connection.Head.Status}");
    }
}
