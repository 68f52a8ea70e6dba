using System.Globalization;
using Kosha.Benchmarks;
using Kosha.Benchmarks.Peers;
using Kosha.Benchmarks.Workloads;

// Every workload runs on every server in turn, round after round, and each round begins with another server: what the
// machine does beside the benchmark then troubles all of them alike. Round 0 warms all of them up and is not counted: a
// server in use is warm.
var groups = Words("workloads",
    [.. Workload.All.Select(workload => workload.Group).Distinct()
        .Where(group => group is not (InS3.Group or ApiCalls.Group))]);
var isInS3 = groups.Contains(InS3.Group);
var peers = Words("peers", [.. isInS3 ? Peer.InS3 : groups is [ApiCalls.Group] ? Peer.Alone : Peer.Compared]);
var rounds = int.Parse(Word("rounds", "5"), CultureInfo.InvariantCulture);
var limit = TimeSpan.FromSeconds(double.Parse(Word("seconds", "1"), CultureInfo.InvariantCulture));
var bigBytes = long.Parse(Word("mib", isInS3 ? "128" : "1024"), CultureInfo.InvariantCulture) << 20;

var report = new Report(peers);
var running = new List<Peer>();
try
{
    foreach (var name in peers)
        running.Add(await Peer.StartAsync(name));
    for (var number = 0; number <= rounds; number++)
    {
        foreach (var group in groups)
        {
            foreach (var peer in running.Skip(number % running.Count).Concat(running.Take(number % running.Count)))
                RunGroup(peer, group, number);
        }
    }
}
finally
{
    foreach (var peer in running)
        await peer.DisposeAsync();
}
report.Print(Console.Out, rounds);
return 0;

string Word(string name, string fallback) =>
    args.FirstOrDefault(word => word.StartsWith($"--{name}=", StringComparison.Ordinal))?.Split('=')[1] ?? fallback;

string[] Words(string name, string[] fallback) => Word(name, string.Join(',', fallback)).Split(',');

void RunGroup(Peer peer, string group, int number)
{
    var folder = $"{group}-{number}-{Guid.NewGuid():N}/";
    var round = new Round(peer.Target, folder, new(folder), limit, bigBytes);
    foreach (var workload in Workload.All.Where(workload => workload.Group == group))
    {
        var measured = Measure(peer, workload, round);
        if (number > 0)
            report.Add(workload, peer.Name, measured);
        var figure = measured.Failure ?? workload.Figure(measured).ToString("F3", CultureInfo.InvariantCulture);
        Console.WriteLine($"round {number}  {peer.Name,-9} {workload.Name,-36} {figure}");
    }
}

static Measurement Measure(Peer peer, Workload workload, Round round)
{
    try
    {
        workload.Prepare?.Invoke(round);
        var before = peer.Usage.Read();
        var measured = workload.Run(round);
        var after = peer.Usage.Read();
        return measured with
        {
            Server = after.Server.Since(before.Server),
            Database = after.Database.Since(before.Database),
        };
    }
    catch (Exception e) when (e is IOException or InvalidDataException or System.Net.Sockets.SocketException)
    {
        return new(0, 1, 0, [], e.Message);
    }
}
