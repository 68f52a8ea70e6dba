using System.Globalization;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>Many clients at one name: one wins, the others are told, and the tree stays a tree.</summary>
public sealed class ConcurrencyTests(SharedKosha kosha)
{
    private const int Clients = 16;

    private static async Task<IReadOnlyList<int>> TogetherAsync(Func<int, Task<DavAnswer>> request)
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, Clients).Select(i => Task.Run(() => request(i))));
        return [.. answers.Select(answer => answer.Status).Order()];
    }

    [Fact]
    public async Task One_of_many_creates_a_file()
    {
        using var drive = await kosha.NewDriveAsync();
        for (var round = 0; round < 10; round++)
        {
            var name = $"only-once-{round}";
            var statuses = await TogetherAsync(i => drive.PutAsync(name, Text(i), ("If-None-Match", "*")));
            Assert.Equal([201, .. Enumerable.Repeat(412, Clients - 1)], statuses);

            name = $"any-{round}";
            statuses = await TogetherAsync(i => drive.PutAsync(name, Text(i)));
            Assert.Equal([201, .. Enumerable.Repeat(204, Clients - 1)], statuses);
            Assert.Contains((await drive.GetAsync(name)).Text, Enumerable.Range(0, Clients).Select(Text));
        }
    }

    [Fact]
    public async Task One_of_many_creates_a_folder()
    {
        using var drive = await kosha.NewDriveAsync();
        for (var round = 0; round < 10; round++)
        {
            var statuses = await TogetherAsync(_ => drive.MkcolAsync($"folder-{round}"));
            Assert.Equal([201, .. Enumerable.Repeat(405, Clients - 1)], statuses);
        }
    }

    [Fact]
    public async Task Of_writers_with_the_same_etag_one_wins()
    {
        using var drive = await kosha.NewDriveAsync();
        (await drive.PutAsync("file", "start")).Must(201);
        for (var round = 0; round < 10; round++)
        {
            var etag = (await drive.HeadAsync("file")).Must(200).Etag;
            var statuses = await TogetherAsync(i => drive.PutAsync("file", Text(i), ("If-Match", etag)));
            Assert.Equal([204, .. Enumerable.Repeat(412, Clients - 1)], statuses);
        }
    }

    [Fact]
    public async Task One_of_many_gets_the_lock()
    {
        using var drive = await kosha.NewDriveAsync();
        const string Body = """
            <D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>
            </D:lockinfo>
            """;
        (await drive.PutAsync("file", "start")).Must(201);
        var statuses = await TogetherAsync(_ => drive.SendAsync("LOCK", "file", DavClient.Xml(Body), ("Depth", "0")));
        Assert.Equal([200, .. Enumerable.Repeat(423, Clients - 1)], statuses);
    }

    [Fact]
    public async Task Folders_moved_into_each_other_make_no_cycle()
    {
        using var drive = await kosha.NewDriveAsync();
        for (var round = 0; round < 10; round++)
        {
            (await drive.MkcolAsync($"a{round}")).Must(201);
            (await drive.MkcolAsync($"b{round}")).Must(201);
            var moves = await Task.WhenAll(
                drive.MoveAsync($"a{round}", $"b{round}/a"), drive.MoveAsync($"b{round}", $"a{round}/b"));
            Assert.Equal(1, moves.Count(move => move.Status == 201));
        }
        Assert.Equal(10, (await drive.ListAsync("")).Names.Count());
        (await (await kosha.Instance).CommandAsync("fsck")).MustSucceed();
    }

    [Fact]
    public async Task Writers_movers_and_deleters_leave_a_sound_tree()
    {
        using var drive = await kosha.NewDriveAsync();
        (await drive.MkcolAsync("x")).Must(201);
        (await drive.MkcolAsync("y")).Must(201);
        await TogetherAsync(async i =>
        {
            var random = new Random(i);
            DavAnswer answer = null!;
            for (var step = 0; step < 40; step++)
            {
                answer = await StepAsync(drive, random);
                Assert.True(answer.Status is < 500, $"{answer.Status}: {answer.Text}");
            }
            return answer;
        });
        (await (await kosha.Instance).CommandAsync("fsck")).MustSucceed();
    }

    private static Task<DavAnswer> StepAsync(DavClient drive, Random random)
    {
        var path = $"{(random.Next(2) == 0 ? "x" : "y")}/{random.Next(4)}";
        var other = $"{(random.Next(2) == 0 ? "x" : "y")}/{random.Next(4)}";
        return random.Next(8) switch
        {
            0 => drive.MkcolAsync(path),
            1 => drive.DeleteAsync(path),
            2 => drive.MoveAsync(path, other),
            3 => drive.CopyAsync(path, other),
            4 => drive.MoveAsync(path, other + "/below"),
            5 => drive.PutAsync(path + "/file", Text(random.Next(5))),
            6 => drive.MoveAsync("x", "y/x" + Text(random.Next(3))),
            _ => drive.PutAsync(path, Text(random.Next(5))),
        };
    }

    private static string Text(int i) => i.ToString(CultureInfo.InvariantCulture);
}
