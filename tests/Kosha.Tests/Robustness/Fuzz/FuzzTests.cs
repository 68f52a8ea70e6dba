using System.Collections.Concurrent;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness.Fuzz;

/// <summary>Requests that were spoiled on their way, signed in: never a 5xx, and never a broken tree.</summary>
[Collection(Alone.Name)]
public sealed class FuzzTests
{
    private const int Connections = 8;
    private const int Users = 4;

    /// <summary>Statuses with which the server refuses before a method has looked at the tree.</summary>
    private static readonly int[] AtTheDoor = [0, 400, 401, 405, 411, 413, 414, 415, 417, 431, 501, 505];

    [Fact]
    public async Task No_request_makes_the_server_fail()
    {
        var seed = TestSeed.Next();
        await using var kosha = await KoshaProcess.StartNewAsync();
        var pid = kosha.Pid;
        var mix = new ConcurrentDictionary<(int Status, bool IsReached), int>();
        var failures = new ConcurrentQueue<string>();
        var drives = new List<DavClient>();
        for (var i = 0; i < Users; i++)
            drives.Add(await kosha.NewDriveAsync());
        var total = TestSize.Pick(50_000, 1_000_000);
        await Figures.TimeAsync($"{total} requests", async () =>
        {
            await Task.WhenAll(Enumerable.Range(0, Connections).Select(i => Task.Run(() =>
                RunAsync(drives[i % Users], new Random(seed + i), total / Connections, mix, failures))));
            return true;
        });
        drives.ForEach(drive => drive.Dispose());
        Show(mix, total);

        var traces = kosha.Output.Split('\n').SkipWhile(line => !IsTrace(line)).Take(40);
        Assert.True(failures.IsEmpty, string.Join("\n\n", [.. failures.Take(5), .. traces]));
        var reached = mix.Where(pair => pair.Key.IsReached).Sum(pair => pair.Value);
        Assert.True(reached >= total * 0.3, $"Only {reached} of {total} requests reached a method.");
        Assert.Equal(pid, kosha.Pid);
        // Whatever a client does, nothing is a surprise that needs a stack trace.
        Assert.Empty(traces);
        (await kosha.CommandAsync("fsck")).MustSucceed();
        await kosha.StopAsync();
    }

    private static bool IsTrace(string line) =>
        line.Contains("   at ", StringComparison.Ordinal) || line.Contains("Exception", StringComparison.Ordinal);

    private static async Task RunAsync(
        DavClient drive, Random random, int count, ConcurrentDictionary<(int, bool), int> mix,
        ConcurrentQueue<string> failures)
    {
        using var connection = new FuzzConnection(drive.Server);
        var grammar = new FuzzGrammar(random, drive);
        var mutations = new FuzzMutations(random);
        for (var i = 0; i < count && failures.IsEmpty; i++)
        {
            var request = grammar.Next();
            if (random.Next(3) != 0)
                mutations.Spoil(request);
            var bytes = request.Bytes(drive.Server, drive.Authorization);
            var answer = await connection.SendAsync(bytes, request.Method == "HEAD", isLast: request.Lie != 0);
            // What a method refuses is XML; a 404 of anything else is no method's.
            var isReached = !AtTheDoor.Contains(answer.Status) && (answer.Status != 404 || answer.IsFromHandler);
            mix.AddOrUpdate((answer.Status, isReached), 1, (_, before) => before + 1);
            grammar.Learn(request, answer);
            if (answer.Status is >= 500 and not (501 or 502 or 505 or 507) || (answer.Status == 0 && request.Lie == 0))
                failures.Enqueue($"{answer.Status}:\n{System.Text.Encoding.Latin1.GetString(bytes)}");
        }
    }

    private static void Show(ConcurrentDictionary<(int Status, bool IsReached), int> mix, int total)
    {
        foreach (var ((status, isReached), count) in mix.OrderBy(pair => pair.Key))
            Figures.Show($"{status} {(isReached ? "reached" : "       ")} {count,8} {100.0 * count / total,6:F1} %");
    }
}
