using System.Globalization;
using System.Xml.Linq;
using Kosha.Tests.Infrastructure;
using Kosha.Tests.WebDav;
using Xunit;

namespace Kosha.Tests.Clients;

/// <summary>Apps of which each wants one thing that servers get wrong.</summary>
public sealed class SyncAppTests(Drive drive) : IClassFixture<Drive>
{
    private readonly DavClient client = drive.Client;

    [Fact]
    public async Task super_productivity_overwrites_only_what_it_has_seen() // super-productivity#1199, #9030
    {
        var path = await drive.NewFolderAsync() + "/sync-data.json";
        var app = new Replay(client, ("User-Agent", "SuperProductivity"), ("Content-Type", "application/json"));
        (await app.PutAsync(path, "1", ("If-None-Match", "*"))).Must(201);
        (await app.PutAsync(path, "other", ("If-None-Match", "*"))).Must(412);
        var found = await client.PropfindAsync(path, "0", Replay.Prop("D:getetag", "D:getlastmodified"));
        var etag = found.Multistatus.Single.Value("getetag")!;
        var next = (await app.PutAsync(path, "2", ("If-Match", etag))).Must(204).Etag;
        // Another device that has not seen the second content must not win.
        (await app.PutAsync(path, "lost", ("If-Match", etag))).Must(412);
        (await app.SendAsync("DELETE", path, ("If-Match", etag))).Must(412);
        Assert.Equal("2", (await client.GetAsync(path)).Text);
        (await app.PutAsync(path, "3", ("If-Match", $"\"0123\", {next}"))).Must(204);
        (await app.PutAsync(path + "2", "x", ("If-Match", "*"))).Must(412);
    }

    [Fact]
    public async Task DAVx5_reads_on_only_in_the_file_that_it_began() // bitfireAT/davx5-ose#1150
    {
        var path = await drive.NewFolderAsync() + "/photo.jpg";
        (await client.PutAsync(path, "0123456789")).Must(201);
        var app = new Replay(client, ("User-Agent", "DAVx5/4.4.3-ose"), ("Accept-Encoding", "identity"));
        var etag = (await app.SendAsync("HEAD", path)).Must(200).Etag;
        Assert.Equal("0123", (await app.SendAsync("GET", path, ("Range", "bytes=0-3"), ("If-Match", etag)))
            .Must(206).Text);
        Assert.Equal("0123456789", (await app.SendAsync("GET", path, ("If-Match", etag))).Must(200).Text);
        (await client.PutAsync(path, "abcdefghij")).Must(204);
        (await app.SendAsync("GET", path, ("Range", "bytes=4-7"), ("If-Match", etag))).Must(412);
    }

    [Fact]
    public async Task Cyberduck_signs_in_with_HEAD_and_sets_times_by_PROPPATCH() // iterate-ch/cyberduck#13990
    {
        XNamespace sar = "SAR:";
        var folder = await drive.NewFolderAsync();
        var app = new Replay(client, ("User-Agent", "Cyberduck/9.0.0"));
        (await app.SendAsync("HEAD", "")).Must(200);
        const string all = "<propfind xmlns=\"DAV:\"><allprop/></propfind>";
        (await app.XmlAsync("PROPFIND", "", all, ("Depth", "1"))).Must(207);
        (await app.SendAsync("MKCOL", folder + "/a")).Must(201);
        var etag = (await app.PutAsync(folder + "/a/file", "content", ("Expect", "100-continue"))).Must(201).Etag;
        const string time = "Mon, 29 Oct 2018 21:14:06 GMT";
        var set = (await app.XmlAsync("PROPPATCH", folder + "/a/file", $"""
            <D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><D:lastmodified>{time}</D:lastmodified>
            <s:lastmodified xmlns:s="SAR:">{time}</s:lastmodified>
            <s:lastmodified_server xmlns:s="SAR:">{time}</s:lastmodified_server>
            </D:prop></D:set></D:propertyupdate>
            """)).Must(207).Multistatus.Single;
        Assert.All(set.Properties.Values, one => Assert.Equal(200, one.Status));
        // A file's tag stays when its time is set and when its parent moves.
        (await app.SendAsync("MOVE", folder + "/a", ("Destination", client.UrlOf(folder + "/b")), ("Overwrite", "T")))
            .Must(201);
        var file = (await app.XmlAsync("PROPFIND", folder + "/b", all, ("Depth", "1"))).Must(207).Multistatus["file"];
        Assert.Equal((time, time, etag),
            (file.Value("getlastmodified"), file.Value(sar + "lastmodified"), file.Value("getetag")));
    }

    [Fact]
    public async Task Players_list_sizes_and_dates_and_jump_about() // nzbdav-dev/nzbdav#271
    {
        var folder = await drive.NewFolderAsync();
        (await client.PutAsync(folder + "/film.mkv", new string('x', 100_000))).Must(201);
        var app = new Replay(client, ("User-Agent", "Infuse-Direct/8.1"));
        var body = Replay.Prop(
            "D:creationdate", "D:getlastmodified", "D:getcontentlength", "D:resourcetype", "oc:size");
        var film = (await app.XmlAsync("PROPFIND", folder + "/", body, ("Depth", "1"))).Must(207)
            .Multistatus["film.mkv"];
        Assert.Equal(5, film.Properties.Values.Count(one => one.Status == 200));
        Assert.Equal("100000", film.Value(Multistatus.OwnCloud + "size"));
        foreach (var start in new[] { 99_990, 0, 50_000 })
        {
            var range = string.Create(CultureInfo.InvariantCulture, $"bytes={start}-");
            var part = (await app.SendAsync("GET", folder + "/film.mkv", ("Range", range))).Must(206);
            Assert.Equal(100_000 - start, part.Body.Length);
        }
    }

    [Theory]
    [InlineData("infinity", 403)]
    [InlineData("2", 400)]
    public async Task Seedvault_asks_for_more_than_one_level_and_then_goes_step_by_step(string depth, int status)
    {
        // seedvault-app/seedvault#681: 400, or 403 with this condition, tells it to ask with Depth 1.
        var folder = await drive.NewFolderAsync() + "/.SeedVaultAndroidBackup";
        var app = new Replay(client, ("User-Agent", "okhttp/4.12.0"));
        var body = Replay.Prop("D:displayname", "D:resourcetype", "D:getcontentlength");
        (await app.XmlAsync("PROPFIND", folder, body, ("Depth", depth))).Must(status == 400 ? 400 : 404);
        (await app.SendAsync("MKCOL", folder + "/1700000000000/")).Must(409);
        (await app.SendAsync("MKCOL", folder + "/")).Must(201);
        (await app.SendAsync("MKCOL", folder + "/1700000000000/")).Must(201);
        using (var connection = await RawConnection.OpenAsync(client.Server))
        {
            await connection.SendHeadAsync(client, "PUT", folder + "/1700000000000/.backup.metadata",
                "Transfer-Encoding: chunked", "Content-Type: application/octet-stream");
            await connection.SendAsync("6\r\nbackup\r\n0\r\n\r\n");
            Assert.Equal(201, await connection.ReadStatusAsync());
        }
        var refused = (await app.XmlAsync("PROPFIND", folder, body, ("Depth", depth))).Must(status);
        if (status == 403)
            Assert.Contains("propfind-finite-depth", refused.Text, StringComparison.Ordinal);
        var tokens = (await app.XmlAsync("PROPFIND", folder, body, ("Depth", "1"))).Must(207).Multistatus;
        Assert.Equal(["1700000000000"], tokens.Names);
        var files = (await app.XmlAsync("PROPFIND", tokens.Items[1].Href["/dav/".Length..], body, ("Depth", "1")))
            .Must(207).Multistatus;
        Assert.Equal("6", files[".backup.metadata"].Value("getcontentlength"));
        (await app.SendAsync("DELETE", folder + "/1700000000000/")).Must(204);
    }
}
