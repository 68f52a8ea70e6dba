using System.Globalization;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>
/// Many nodes at once, on an external database of which the log shows every statement: they need as few as some do.
/// </summary>
[Collection(Alone.Name)]
public sealed class BatchTests(SharedPostgres postgres)
{
    private const int Some = 5;
    private const int Most = 500;
    private const int MaxStatements = 25;
    private const int MaxOfPut = 12;

    /// <summary>Statements for each of these calls.</summary>
    private sealed record Counts(int Move, int Trash, int Restore);

    [Fact]
    public async Task Five_hundred_at_once_need_no_more_statements_than_five()
    {
        var server = await postgres.Durable;
        var connectionString = await server.NewEmptyDatabaseAsync();
        await using var kosha = await StatementLog.StartAsync(connectionString);
        using var drive = await kosha.NewDriveAsync();
        Task<int> CountAsync(Func<Task> work) => StatementLog.CountAsync(server, connectionString, drive, work);
        await PutsAsync(drive, CountAsync);
        var some = await CountsAsync(drive, CountAsync, "some", Some);
        var most = await CountsAsync(drive, CountAsync, "most", Most);
        Figures.Show($"{Some} nodes: {some}; {Most} nodes: {most}");
        Assert.InRange(most.Move, 1, Math.Min(some.Move, MaxStatements));
        Assert.InRange(most.Trash, 1, Math.Min(some.Trash, MaxStatements));
        Assert.InRange(most.Restore, 1, Math.Min(some.Restore, MaxStatements));
        await kosha.StopAsync();
    }

    /// <summary>The drive's hot path: neither the audit log nor anything else may make it longer unnoticed.</summary>
    private static async Task PutsAsync(DavClient drive, Func<Func<Task>, Task<int>> countAsync)
    {
        (await drive.PutAsync("put-before", "before")).Must(201);
        (await drive.PutAsync("put-before", "again")).Must(204);
        var made = await countAsync(async () => (await drive.PutAsync("put", "content of a new file")).Must(201));
        var written = await countAsync(async () => (await drive.PutAsync("put", "content written over")).Must(204));
        Figures.Show($"a new file: {made} statements, one written over: {written}");
        Assert.InRange(made, 1, MaxOfPut);
        Assert.InRange(written, 1, MaxOfPut);
    }

    private static async Task<Counts> CountsAsync(
        DavClient drive, Func<Func<Task>, Task<int>> countAsync, string top, int nodes)
    {
        using var api = new ApiClient(drive);
        await FillAsync(drive, top, nodes);
        var (from, to) = (await api.IdAsync($"{top}/from"), await api.IdAsync($"{top}/a/b"));
        var ids = (await api.ChildrenAsync(from, "limit=1000")).Must(200).Ids();
        Assert.Equal(nodes, ids.Length);
        var counts = new Counts(
            await countAsync(async () => (await api.PlaceAsync("move", to, "fail", ids)).Must(200)),
            await countAsync(async () => (await api.TrashAsync(ids)).Must(204)),
            await countAsync(async () =>
                (await api.PostAsync("trash/restore", new { ids, parentId = to })).Must(200)));
        Assert.Equal(nodes, (await api.NamesAsync(to)).Length);
        return counts;
    }

    /// <summary>Files, and a folder for every four of them. Where they move to is further down.</summary>
    private static async Task FillAsync(DavClient drive, string top, int nodes)
    {
        foreach (var folder in new[] { top, $"{top}/a", $"{top}/a/b", $"{top}/from" })
            (await drive.MkcolAsync(folder)).Must(201);
        await Parallel.ForAsync(0, nodes, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) =>
        {
            var path = string.Create(CultureInfo.InvariantCulture, $"{top}/from/{i}");
            (i % 5 == 0 ? await drive.MkcolAsync(path) : await drive.PutAsync(path, [])).Must(201);
        });
    }
}
