using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Kosha.Benchmarks.Http;

namespace Kosha.Benchmarks.Workloads;

/// <summary>
/// What a page asks for a user with 10,000 nodes, one call after the other: the table that FileFlow publishes of
/// itself.
/// </summary>
internal static class ApiCalls
{
    public const string Group = "api";

    private const int Calls = 200;
    private const int Uploads = 60;
    private const int Folders = 100;
    private const int FilesInFolder = 99;
    private const int Levels = 15;
    private const int BigBytes = 10_000_000;

    private const string Json = "Content-Type: application/json\r\n";

    /// <summary>One tree for all rounds: the user has 10,000 nodes, and not more with every round.</summary>
    private const string Tree = "api-tree/";

    private const string Scans = "api-scans/";

    private static readonly byte[] Known = Encoding.ASCII.GetBytes("content that the user has");

    public static IReadOnlyList<Workload> Workloads { get; } =
    [
        new(Group, "folder of 100", Unit.MillisecondsEach, round =>
        {
            var path = $"/api/nodes/{IdOf(round, "f000")}/children?limit=100";
            return Call(round, path);
        })
        {
            Prepare = MakeTree,
        },
        new(Group, "upload of 10 MB", Unit.MillisecondsEach, Upload),
        new(Group, "download of 10 MB, first byte", Unit.MillisecondsEach, FirstByte),
        new(Group, "breadcrumb at 15 levels", Unit.MillisecondsEach, round =>
            Call(round, $"/api/nodes/{IdOf(round, Deep(Levels))}/breadcrumb")),
        new(Group, "search", Unit.MillisecondsEach, round => Call(round, "/api/search?q=report+57&limit=50")),
        new(Group, "search, mistyped", Unit.MillisecondsEach, round =>
            Call(round, "/api/search?q=repport+57&limit=50")),
        new(Group, "dedup check", Unit.MillisecondsEach, round => Timed(round, Calls, (connection, number) =>
        {
            var body = Announce("", $"known {number}", Known);
            return () => Post(connection, "/api/uploads", body)?.GetProperty("state").GetString() == "completed";
        })),
        new(Group, "search, 10,000 names alike", Unit.MillisecondsEach, round =>
            Call(round, "/api/search?q=scan+57&limit=50"))
        {
            Prepare = MakeScans,
        },
        new(Group, "search, mistyped, 10,000 names alike", Unit.MillisecondsEach, round =>
            Call(round, "/api/search?q=sccan+57&limit=50")),
    ];

    private static string Deep(int levels) => string.Join('/', Enumerable.Range(1, levels).Select(l => $"level {l}"));

    // The tree --------------------------------------------------------------------------------------------------------

    private static readonly string[] Kinds =
    [
        "report", "invoice", "budget", "minutes", "contract", "offer", "letter", "drawing", "photo", "recipe", "ticket",
        "certificate", "translation", "notes", "plan", "summary", "receipt", "agenda", "manual", "survey",
    ];

    private static readonly string[] Subjects =
    [
        "Berlin", "kitchen", "taxes", "holiday", "insurance", "school", "garden", "music", "bicycle", "family",
        "customer", "heating", "Lisbon", "wedding", "server", "museum", "novel", "dentist", "balcony", "archive",
    ];

    private static readonly string[] Ends = ["pdf", "docx", "jpg", "xlsx", "txt"];

    /// <summary>Such as "report kitchen 2013 57.pdf"; every number has another.</summary>
    private static string NameOf(int number) => string.Create(CultureInfo.InvariantCulture,
        $"{Kinds[number % 20]} {Subjects[number / 20 % 20]} {2010 + number % 15} {number}.{Ends[number % 5]}");

    private static void MakeTree(Round round)
    {
        using var connection = new Connection(round.Target);
        if (connection.Propfind(round.Target.PathOf(Tree), 0, Requests.SomeProperties))
            return;
        Requests.MakeFolders(round.Target, [
            Tree, .. Enumerable.Range(0, Folders).Select(f => FolderOf(f)),
            .. Enumerable.Range(1, Levels).Select(l => Tree + Encode(Deep(l)) + "/")]);
        var made = Load.Run(round.Target, 8, Folders * FilesInFolder, TimeSpan.FromMinutes(10), (worker, number) =>
            worker.Connection.Put(
                round.Target.PathOf(FolderOf(number / FilesInFolder) + Encode(NameOf(number))), Known));
        Require(made.Operations == Folders * FilesInFolder, "PUT");
        var big = new byte[BigBytes];
        round.Contents.FillBig(big, 0);
        Require(connection.Put(round.Target.PathOf(Tree + "big"), big), "PUT");
    }

    private static string FolderOf(int number) => string.Create(CultureInfo.InvariantCulture, $"{Tree}f{number:D3}/");

    /// <summary>10,000 files more: the worst that there is for a search.</summary>
    private static void MakeScans(Round round)
    {
        using var connection = new Connection(round.Target);
        if (connection.Propfind(round.Target.PathOf(Scans), 0, Requests.SomeProperties))
            return;
        Requests.MakeFolders(round.Target, [Scans, Scans + "s0/"]);
        for (var i = 0; i < Folders; i++)
            Require(connection.Put(round.Target.PathOf($"{Scans}s0/scan%20{i:D2}.jpg"), Known), "PUT");
        for (var f = 1; f < Folders; f++)
            Require(connection.Send("COPY", round.Target.PathOf(Scans + "s0/"),
                new($"Destination: {round.Target.AbsoluteOf($"{Scans}s{f}/")}\r\n")) == 201, "COPY");
    }

    private static string Encode(string path) =>
        Uri.EscapeDataString(path).Replace("%2F", "/", StringComparison.Ordinal);

    private static void Require(bool isDone, string what)
    {
        if (!isDone)
            throw new InvalidDataException($"{what} was refused.");
    }

    private static long IdOf(Round round, string path)
    {
        using var connection = new Connection(round.Target);
        return Ask(connection, "GET", $"/api/nodes?path={Uri.EscapeDataString($"/{Tree}{path}")}", default)!.Value
            .GetProperty("id").GetInt64();
    }

    // Calls -----------------------------------------------------------------------------------------------------------

    private static Measurement Call(Round round, string path) => Load.Run(
        round.Target, 1, Calls, TimeSpan.FromMinutes(1), (worker, _) => worker.Connection.Send("GET", path) == 200);

    /// <summary>What is prepared is not timed.</summary>
    private static Measurement Timed(Round round, int calls, Func<Connection, int, Func<bool>> prepare)
    {
        using var connection = new Connection(round.Target);
        var latencies = new List<double>(calls);
        for (var number = 0; number < calls; number++)
        {
            var operation = prepare(connection, number);
            var began = Stopwatch.GetTimestamp();
            if (!operation())
                return new(0, 1, 0, [], $"status {connection.Head.Status}");
            latencies.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
        }
        return new(calls, latencies.Sum(), 0, [.. latencies.Order()]);
    }

    private static Measurement Upload(Round round) => Timed(round, Uploads, (connection, number) =>
    {
        var content = new byte[BigBytes];
        round.Contents.FillBig(content, (number + 1L) << 24);
        var announcement = Announce("", $"upload {number}", content);
        return () =>
        {
            if (Post(connection, "/api/uploads", announcement) is not { } begun)
                return false;
            var headers = string.Concat(begun.GetProperty("headers").EnumerateObject()
                .Where(header => !header.NameEquals("Content-Length"))
                .Select(header => $"{header.Name}: {header.Value.GetString()}\r\n"));
            var url = new Uri(begun.GetProperty("url").GetString()!);
            return connection.Put(url.PathAndQuery, content, headers)
                && Post(connection, $"/api/uploads/{begun.GetProperty("id").GetInt64()}/complete", "{}") is not null;
        };
    });

    private static byte[] Bytes(string json) => Encoding.UTF8.GetBytes(json);

    private static string Announce(string folder, string name, byte[] content) => JsonSerializer.Serialize(new
    {
        parent = "/" + Tree + folder, name, size = content.Length,
        sha256 = Convert.ToHexStringLower(SHA256.HashData(content)),
    });

    private static JsonElement? Post(Connection connection, string path, string body) =>
        Ask(connection, "POST", path, Bytes(body));

    /// <summary>The answer; null: a refusal.</summary>
    private static JsonElement? Ask(Connection connection, string method, string path, ReadOnlyMemory<byte> body)
    {
        using var answer = new MemoryStream();
        var status = connection.Send(method, path, new(Json, body, Sink: (bytes, _) => answer.Write(bytes)));
        return status is 200 or 201 ? JsonDocument.Parse(answer.ToArray()).RootElement : null;
    }

    /// <summary>From the request to the first byte of the file; the rest is read, and not timed.</summary>
    private static Measurement FirstByte(Round round)
    {
        var path = $"/api/nodes/{IdOf(round, "big")}/content";
        using var connection = new Connection(round.Target);
        var latencies = new List<double>(Calls);
        for (var number = 0; number < Calls; number++)
        {
            var began = Stopwatch.GetTimestamp();
            var first = 0.0;
            var status = connection.Send("GET", path, new(Sink: (_, offset) =>
                first = offset == 0 ? Stopwatch.GetElapsedTime(began).TotalSeconds : first));
            if (status != 200 || connection.BodyLength != BigBytes)
                return new(0, 1, 0, [], $"status {status}");
            latencies.Add(first);
        }
        return new(Calls, latencies.Sum(), 0, [.. latencies.Order()]);
    }
}
