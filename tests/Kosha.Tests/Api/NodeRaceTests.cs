using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>Calls by id while others rename and move what the ids stand for.</summary>
public sealed class NodeRaceTests(SharedKosha kosha)
{
    private static readonly int Rounds = TestSize.Pick(20, 300);

    [Fact]
    public async Task Of_two_crossing_moves_by_two_doors_one_wins()
    {
        using var drive = await kosha.NewDriveAsync();
        using var api = new ApiClient(drive);
        for (var round = 0; round < Rounds; round++)
        {
            var (a, b) = ($"a{round}", $"b{round}");
            (await drive.MkcolAsync(a)).Must(201);
            (await drive.MkcolAsync(b)).Must(201);
            var (idOfA, idOfB) = (await api.IdAsync(a), await api.IdAsync(b));
            var byApi = api.PlaceAsync("move", idOfB, "fail", idOfA);
            var byDav = drive.MoveAsync(b, $"{a}/{b}");
            await Task.WhenAll(byApi, byDav);
            if ((await byApi).Status == 200)
            {
                // Where the drive looked for them there was nothing any more.
                (await byDav).Must(403, 404, 409);
                Assert.Equal([a], await api.NamesAsync(idOfB));
            }
            else
            {
                (await byApi).MustBe("cycle", 409);
                (await byDav).Must(201);
                Assert.Equal([b], await api.NamesAsync(idOfA));
            }
        }
    }

    [Fact]
    public async Task Ids_are_found_wherever_a_rename_takes_them()
    {
        using var drive = await kosha.NewDriveAsync();
        using var api = new ApiClient(drive);
        (await drive.MkcolAsync("outer0")).Must(201);
        (await drive.MkcolAsync("to")).Must(201);
        for (var i = 0; i < 10; i++)
            (await drive.PutAsync($"outer0/f{i}", $"{i}")).Must(201);
        var (outer, to) = (await api.IdAsync("outer0"), await api.IdAsync("to"));
        var ids = (await api.ChildrenAsync(outer)).Must(200).Ids();
        using var enough = new CancellationTokenSource();
        var renames = Task.Run(async () =>
        {
            var renamed = 0;
            for (; !enough.IsCancellationRequested; renamed++)
                (await drive.MoveAsync($"outer{renamed}", $"outer{renamed + 1}")).Must(201);
            return renamed;
        });
        var (here, there) = (outer, to);
        for (var round = 0; round < Rounds; round++)
        {
            // Which says "try again" at the worst, and then has done nothing.
            ApiAnswer moved;
            do
            {
                moved = await api.PlaceAsync("move", there, "fail", ids);
            }
            while (moved.Status == 503);
            Assert.Equal(ids, moved.Must(200).Ids());
            (here, there) = (there, here);
            Assert.Equal(10, (await api.NamesAsync(here)).Length);
        }
        await enough.CancelAsync();
        Assert.InRange(await renames, 1, int.MaxValue);
        (await api.TrashAsync(ids)).Must(204);
    }

    [Fact]
    public async Task Numbers_are_given_once_to_many_at_a_time()
    {
        using var drive = await kosha.NewDriveAsync();
        using var api = new ApiClient(drive);
        (await drive.PutAsync("a.txt", "x")).Must(201);
        var (root, id) = (await api.IdAsync(""), await api.IdAsync("a.txt"));
        var answers = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(_ => api.PlaceAsync("copy", root, "rename", id)));
        Assert.All(answers, answer => answer.Must(200));
        Assert.Equal(
            Enumerable.Range(2, 8).Select(number => $"a ({number}).txt").Append("a.txt"),
            await api.NamesAsync(root));
    }
}
