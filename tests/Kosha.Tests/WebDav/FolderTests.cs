using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.WebDav;

/// <summary>MKCOL, DELETE, COPY and MOVE.</summary>
public sealed class FolderTests(Drive drive) : IClassFixture<Drive>
{
    private readonly DavClient client = drive.Client;

    private async Task<string> TextAsync(string path) => (await client.GetAsync(path)).Must(200).Text;

    [Fact]
    public async Task MKCOL_says_why_not()
    {
        var folder = await drive.NewFolderAsync();
        (await client.MkcolAsync(folder)).Must(405);
        (await client.MkcolAsync(folder + "/")).Must(405);
        (await client.MkcolAsync("")).Must(405);
        (await client.MkcolAsync(folder + "/a/b")).Must(409);
        (await client.SendAsync("MKCOL", folder + "/a", DavClient.Xml("<x/>"))).Must(415);
        (await client.PutAsync(folder + "/file", "x")).Must(201);
        (await client.MkcolAsync(folder + "/file")).Must(405);
        (await client.MkcolAsync(folder + "/file/a")).Must(409);
        (await client.MkcolAsync(folder + "/slash/")).Must(201);
    }

    [Fact]
    public async Task DELETE_takes_all_below_and_never_the_root()
    {
        var folder = await drive.NewFolderAsync();
        (await client.PutAsync(folder + "/file", "x")).Must(201);
        (await client.DeleteAsync(folder, ("Depth", "0"))).Must(204);
        (await client.GetAsync(folder + "/file")).Must(404);
        (await client.DeleteAsync(folder)).Must(404);
        (await client.DeleteAsync("")).Must(403);
    }

    [Fact]
    public async Task COPY_and_MOVE_replace_unless_told_not_to()
    {
        var folder = await drive.NewFolderAsync();
        (await client.PutAsync(folder + "/a", "a")).Must(201);
        (await client.CopyAsync(folder + "/a", folder + "/b")).Must(201);
        (await client.CopyAsync(folder + "/a", folder + "/b", ("Overwrite", "F"))).Must(412);
        (await client.CopyAsync(folder + "/a", folder + "/b", ("Overwrite", "T"))).Must(204);
        (await client.MoveAsync(folder + "/a", folder + "/b", ("Overwrite", "F"))).Must(412);
        (await client.MoveAsync(folder + "/a", folder + "/b", ("Overwrite", "maybe"))).Must(400);
        (await client.MoveAsync(folder + "/a", folder + "/b")).Must(204);
        (await client.GetAsync(folder + "/a")).Must(404);
        Assert.Equal("a", await TextAsync(folder + "/b"));
    }

    [Theory]
    [InlineData("COPY")]
    [InlineData("MOVE")]
    public async Task Targets_that_cannot_be(string method)
    {
        var folder = await drive.NewFolderAsync();
        (await client.PutAsync(folder + "/a", "a")).Must(201);
        async Task MustAsync(int status, string target) =>
            (await client.SendAsync(method, folder + "/a", ("Destination", target))).Must(status);

        (await client.SendAsync(method, folder + "/a")).Must(400);
        await MustAsync(400, "nonsense");
        await MustAsync(400, "/dav/%zz");
        await MustAsync(403, "/elsewhere/a");
        await MustAsync(403, "/dav/");
        await MustAsync(403, client.UrlOf(folder + "/a"));
        await MustAsync(409, client.UrlOf(folder + "/missing/a"));
        await MustAsync(502, "http://elsewhere.example/dav/a");
        (await client.SendAsync(method, folder, ("Destination", client.UrlOf(folder + "/below")))).Must(403);
        Assert.Equal("a", await TextAsync(folder + "/a"));
    }

    [Fact]
    public async Task TLS_may_end_before_the_server()
    {
        var folder = await drive.NewFolderAsync();
        (await client.PutAsync(folder + "/a", "a")).Must(201);
        var target = client.UrlOf(folder + "/b").Replace("http:", "https:", StringComparison.Ordinal);
        (await client.SendAsync("MOVE", folder + "/a", ("Destination", target))).Must(201);
    }

    [Fact]
    public async Task Depth_of_COPY_and_MOVE()
    {
        var folder = await drive.NewFolderAsync();
        (await client.MkcolAsync(folder + "/a")).Must(201);
        (await client.PutAsync(folder + "/a/file", "x")).Must(201);
        (await client.CopyAsync(folder + "/a", folder + "/flat", ("Depth", "0"))).Must(201);
        (await client.GetAsync(folder + "/flat/file")).Must(404);
        (await client.CopyAsync(folder + "/a", folder + "/deep")).Must(201);
        Assert.Equal("x", await TextAsync(folder + "/deep/file"));
        (await client.CopyAsync(folder + "/a", folder + "/b", ("Depth", "1"))).Must(400);
        // Some clients put Depth on everything; a move is always whole.
        (await client.MoveAsync(folder + "/a", folder + "/b", ("Depth", "0"))).Must(201);
        Assert.Equal("x", await TextAsync(folder + "/b/file"));
    }

    [Fact]
    public async Task The_tag_of_a_file_survives_when_its_parent_moves() // Cyberduck.
    {
        var folder = await drive.NewFolderAsync();
        (await client.MkcolAsync(folder + "/a")).Must(201);
        var etag = (await client.PutAsync(folder + "/a/file", "x")).Must(201).Etag;
        (await client.MoveAsync(folder + "/a", folder + "/b")).Must(201);
        Assert.Equal(etag, (await client.HeadAsync(folder + "/b/file")).Etag);
    }

    [Fact]
    public async Task A_name_may_change_in_case_alone()
    {
        var folder = await drive.NewFolderAsync();
        (await client.PutAsync(folder + "/readme", "x")).Must(201);
        (await client.MoveAsync(folder + "/readme", folder + "/README")).Must(201);
        Assert.Equal(["README"], (await client.ListAsync(folder)).Names);
    }

    [Fact]
    public async Task rclone_takes_its_time_along()
    {
        var folder = await drive.NewFolderAsync();
        (await client.PutAsync(folder + "/a", "x")).Must(201);
        var mtime = ("X-OC-Mtime", "1600000000");
        var copied = (await client.CopyAsync(folder + "/a", folder + "/b", mtime)).Must(201);
        var moved = (await client.MoveAsync(folder + "/a", folder + "/c", mtime)).Must(201);
        Assert.All([copied, moved], answer => Assert.Equal("accepted", answer.Header("X-OC-Mtime")));
        foreach (var name in new[] { "b", "c" })
        {
            var head = await client.HeadAsync($"{folder}/{name}");
            Assert.Equal("Sun, 13 Sep 2020 12:26:40 GMT", head.Header("Last-Modified"));
        }
    }

    [Fact]
    public async Task KeePass_saves_by_a_move_over_the_old_file()
    {
        var folder = await drive.NewFolderAsync();
        (await client.PutAsync(folder + "/db.kdbx", "old")).Must(201);
        (await client.PutAsync(folder + "/db.kdbx.tmp", "new")).Must(201);
        (await client.MoveAsync(folder + "/db.kdbx.tmp", folder + "/db.kdbx", ("Overwrite", "T"))).Must(204);
        Assert.Equal("new", await TextAsync(folder + "/db.kdbx"));
    }

    [Theory]
    [InlineData("a b")]
    [InlineData("100%")]
    [InlineData("a+b&c=d;e,f")]
    [InlineData("#?:@!$'()*")]
    [InlineData("\"<>|[]{}^`~")]
    [InlineData("\U0001F600")]
    [InlineData("trailing. ")]
    [InlineData("%41")]
    public async Task Names_come_back_as_they_went(string name)
    {
        var folder = await drive.NewFolderAsync();
        var path = $"{folder}/{DavClient.Encode(name)}";
        (await client.PutAsync(path, "x")).Must(201);
        Assert.Equal([name], (await client.ListAsync(folder)).Names);
        (await client.MoveAsync(path, path + "2")).Must(201);
        Assert.Equal([name + "2"], (await client.ListAsync(folder)).Names);
    }

    [Fact]
    public async Task Finder_writes_names_apart_and_finds_them_composed()
    {
        var folder = await drive.NewFolderAsync();
        (await client.PutAsync(folder + "/e%CC%81", "x")).Must(201);
        Assert.Equal(["\u00E9"], (await client.ListAsync(folder)).Names);
        Assert.Equal("x", await TextAsync(folder + "/%C3%A9"));
    }

    [Fact]
    public async Task Explorer_knows_no_case_and_others_do()
    {
        var folder = await drive.NewFolderAsync();
        var explorer = ("User-Agent", "Microsoft-WebDAV-MiniRedir/10.0.22631");
        (await client.PutAsync(folder + "/Report.TXT", "x")).Must(201);
        (await client.GetAsync(folder + "/report.txt")).Must(404);
        (await client.GetAsync(folder + "/report.txt", explorer)).Must(200);
        (await client.PutAsync(folder + "/REPORT.txt", "y", explorer)).Must(204);
        (await client.MoveAsync(folder + "/report.txt", folder.ToUpperInvariant() + "/report.txt", explorer)).Must(201);
        Assert.Equal(["report.txt"], (await client.ListAsync(folder)).Names);
    }
}
