using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness.Model;

/// <summary>Random requests against a model in memory: one after the other exactly, at once by some order.</summary>
[Collection(Alone.Name)]
public sealed class ModelTests(TestS3 s3)
{
    private const int Users = 6;
    private const int Clients = 4;
    private const int Together = 3;

    private static readonly string[] Letters = ["a", "b", "c"];

    [Theory]
    [InlineData(TestStore.Disk)]
    [InlineData(TestStore.InS3)]
    public async Task Users_in_parallel_each_get_what_the_model_says(string kind)
    {
        var seed = TestSeed.Next();
        await using var kosha = await KoshaProcess.StartNewAsync((await s3.NewStoreAsync(kind)).Settings);
        var statuses = new ConcurrentDictionary<(string Method, int Status), int>();
        await Task.WhenAll(Enumerable.Range(0, Users).Select(async i =>
        {
            using var drive = await kosha.NewDriveAsync();
            await RunAloneAsync(drive, new Random(seed + i), statuses);
        }));
        Show(statuses);
        (await kosha.CommandAsync("fsck")).MustSucceed();
        await kosha.StopAsync();
    }

    private static async Task RunAloneAsync(
        DavClient drive, Random random, ConcurrentDictionary<(string, int), int> statuses)
    {
        string[] pairs = [.. Letters.SelectMany(a => Letters.Select(b => $"{a}/{b}"))];
        string[] deep = [.. pairs.SelectMany(pair => Letters.Select(c => $"{pair}/{c}"))];
        var requests = new ModelRequests([.. Letters, .. pairs, .. pairs, .. deep], ["", .. Letters, .. pairs]);
        var tree = ModelTree.Empty;
        for (var i = 0; i < TestSize.Pick(700, 20_000); i++)
        {
            var op = requests.Next(random);
            var answer = await op.SendAsync(drive);
            requests.Learn(op, answer);
            statuses.AddOrUpdate((op.Method, answer.Status), 1, (_, before) => before + 1);
            var after = tree.Apply(op, answer);
            Assert.True(after is not null, $"step {i}: {op}\nanswered {answer}\non\n{tree.Root}");
            tree = after;
        }
        Assert.NotNull(await SeeAsync(drive, tree, withContents: true));
        var root = (await drive.PropfindAsync("", "0", """
            <D:propfind xmlns:D="DAV:"><D:prop><D:quota-used-bytes/></D:prop></D:propfind>
            """)).Must(207).Multistatus.Single;
        Assert.Equal(tree.Bytes.ToString(CultureInfo.InvariantCulture), root.Value("quota-used-bytes"));
    }

    [Theory]
    [InlineData(TestStore.Disk)]
    [InlineData(TestStore.InS3)]
    public async Task Clients_of_one_user_get_answers_that_some_order_explains(string kind)
    {
        var seed = TestSeed.Next();
        await using var kosha = await KoshaProcess.StartNewAsync((await s3.NewStoreAsync(kind)).Settings);
        using var drive = await kosha.NewDriveAsync();
        // Twenty names: plain ones, and some that are below others.
        string[] names = ["a", "b", "c", "d", "e", "f", "g", "h", "a/x", "a/y", "b/x", "b/y", "c/x", "c/y", "d/x",
            "d/y", "a/x/z", "b/x/z", "e/x", "f/x"];
        var requests = new ModelRequests(names, ["", "a", "b", "c", "d", "a/x", "b/x"]);
        var randoms = Enumerable.Range(0, Clients).Select(i => new Random(seed + i)).ToList();
        var statuses = new ConcurrentDictionary<(string Method, int Status), int>();
        IReadOnlyCollection<ModelTree> states = [ModelTree.Empty];
        for (var round = 0; round < TestSize.Pick(250, 10_000); round++)
        {
            var events = await Task.WhenAll(randoms.Select((random, client) =>
                Task.Run(() => RunTogetherAsync(drive, client, random, requests, statuses))));
            var history = new History(events);
            var possible = history.ExplainFrom(states);
            Assert.True(possible.Count > 0, $"round {round}: no order explains\n{history}\non\n"
                + string.Join("\nor\n", states.Select(state => state.Root)));
            states = await FilterAsync(drive, possible);
            Assert.True(states.Count > 0, $"round {round}: no order of\n{history}\nleads to what is there:\n"
                + string.Join("\nor\n", possible.Select(state => state.Root)));
        }
        Assert.NotNull(await SeeAsync(drive, states.First(), withContents: true));
        Show(statuses);
        (await kosha.CommandAsync("fsck")).MustSucceed();
        await kosha.StopAsync();
    }

    private static async Task<IReadOnlyList<HistoryEvent>> RunTogetherAsync(
        DavClient drive, int client, Random random, ModelRequests requests,
        ConcurrentDictionary<(string, int), int> statuses)
    {
        var events = new List<HistoryEvent>();
        for (var i = 0; i < Together; i++)
        {
            var op = requests.Next(random);
            var start = Stopwatch.GetTimestamp();
            var answer = await op.SendAsync(drive);
            events.Add(new(client, op, answer, start, Stopwatch.GetTimestamp()));
            requests.Learn(op, answer);
            statuses.AddOrUpdate((op.Method, answer.Status), 1, (_, before) => before + 1);
        }
        return events;
    }

    // Locks are in no listing of the tree, so several states may remain.
    private static async Task<IReadOnlyCollection<ModelTree>> FilterAsync(
        DavClient drive, IReadOnlyCollection<ModelTree> possible)
    {
        var remaining = new Dictionary<string, ModelTree>();
        foreach (var state in possible)
        {
            if (await SeeAsync(drive, state, withContents: false) is { } seen)
                remaining[seen.Root.ToString()] = seen;
        }
        return remaining.Values;
    }

    /// <summary>The model with all tags known; null if the drive is another.</summary>
    private static async Task<ModelTree?> SeeAsync(DavClient drive, ModelTree model, bool withContents)
    {
        var tree = model;
        foreach (var (path, node) in Paths("", model.Root))
        {
            if (!node.IsFolder && !withContents)
                continue;
            var op = new ModelOperation(node.IsFolder ? "PROPFIND" : "GET", path);
            if (tree.Apply(op, await op.SendAsync(drive)) is not { } after)
                return null;
            tree = after;
        }
        return tree;
    }

    private static IEnumerable<(string Path, ModelNode Node)> Paths(string path, ModelNode node) => node.Children
        .SelectMany(child => Paths($"{path}/{child.Key}".TrimStart('/'), child.Value)).Prepend((path, node));

    private static void Show(ConcurrentDictionary<(string Method, int Status), int> statuses)
    {
        foreach (var group in statuses.GroupBy(pair => pair.Key.Method).OrderBy(group => group.Key))
            Figures.Show($"{group.Key,-10}" + string.Join(", ",
                group.OrderBy(pair => pair.Key.Status).Select(pair => $"{pair.Key.Status}: {pair.Value}")));
    }
}
