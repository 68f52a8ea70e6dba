using System.Text;
using Kosha.Benchmarks.Http;

namespace Kosha.Benchmarks.Workloads;

/// <summary>PROPFIND Depth 1 of folders with many members. The folders stay for later rounds.</summary>
internal static class Listings
{
    public static IReadOnlyList<Workload> Workloads { get; } =
        [.. new[] { 100, 1000, 10_000 }.SelectMany(members => new[] { Of(members, true), Of(members, false) })];

    private static Workload Of(int members, bool all)
    {
        var name = $"list {members}, {(all ? "all properties" : "seven properties")}";
        return new("list", name, Unit.OperationsPerSecond, round => Measure(round, members, all))
        {
            Prepare = round => Fill(round, members),
        };
    }

    private static string FolderOf(Round round, int members) => round.Target.PathOf($"listing-{members}/");

    private static string FileOf(Round round, int members, int number) =>
        $"{FolderOf(round, members)}item%20{number:D5}.txt";

    private static void Fill(Round round, int members)
    {
        using (var connection = new Connection(round.Target))
        {
            if (connection.Send("GET", FileOf(round, members, members - 1)) == 200)
                return;
        }
        Requests.MakeFolders(round.Target, $"listing-{members}/");
        var filled = Load.Run(round.Target, 8, members, TimeSpan.FromMinutes(5), (worker, number) =>
            worker.Connection.Put(FileOf(round, members, number), Encoding.ASCII.GetBytes($"content {number}")));
        if (filled.Failure is not null || filled.Operations < members)
            throw new InvalidDataException($"The folder cannot be filled: {filled.Failure}");
    }

    private static Measurement Measure(Round round, int members, bool all)
    {
        var body = all ? default : Requests.SomeProperties;
        RequireWhole(round, members, body);
        return Load.Run(round.Target, 1, null, round.Limit, (worker, _) =>
            worker.Connection.Propfind(FolderOf(round, members), 1, body)
            && worker.Connection.BodyLength > members * 50L);
    }

    private static void RequireWhole(Round round, int members, ReadOnlyMemory<byte> body)
    {
        using var connection = new Connection(round.Target);
        var text = new MemoryStream();
        var exchange = new Exchange(
            "Depth: 1\r\nContent-Type: application/xml\r\n", body, Sink: (bytes, _) => text.Write(bytes));
        connection.Send("PROPFIND", FolderOf(round, members), exchange);
        var hrefs = Encoding.UTF8.GetString(text.ToArray()).Split("href>").Length / 2;
        if (hrefs < members + 1)
            throw new InvalidDataException($"The listing has {hrefs} entries instead of {members + 1}.");
    }
}
