using System.Globalization;
using Kosha.Tests.Infrastructure;
using Kosha.Tests.WebDav;
using Xunit;

namespace Kosha.Tests.Clients;

/// <summary>
/// Joplin puts a condition that is none on every request but GET and HEAD: <c>If-None-Match: JoplinIgnore-1234</c>,
/// without quotes. It must change nothing.
/// </summary>
public sealed class JoplinTests(Drive drive) : IClassFixture<Drive>
{
    private static readonly string Stat = Replay.Prop("D:getlastmodified", "D:resourcetype");

    private readonly DavClient client = drive.Client;

    private Replay Joplin { get; } = new(drive.Client, ("User-Agent", "Joplin/1.0"),
        ("If-None-Match", "JoplinIgnore-48213"));

    [Fact]
    public async Task A_target_is_set_up_and_synchronised_twice() // laurent22/joplin#2091, #3457
    {
        var folder = await drive.NewFolderAsync() + "/Joplin";
        (await Joplin.XmlAsync("PROPFIND", folder + "/", Stat, ("Depth", "1"))).Must(404);
        foreach (var name in new[] { "", "/.resource", "/.sync", "/.lock", "/locks", "/temp" })
            (await Joplin.SendAsync("MKCOL", folder + name)).Must(201);
        (await Joplin.SendAsync("MKCOL", folder)).Must(405);
        (await Joplin.SendAsync("MKCOL", folder + "/missing/deeper")).Must(409);

        for (var round = 1; round <= 2; round++)
        {
            var content = round.ToString(CultureInfo.InvariantCulture);
            (await Joplin.PutAsync(folder + "/locks/1_1_ab.json", "{}")).Must(201);
            (await Joplin.XmlAsync("PROPFIND", folder + "/info.json", Stat, ("Depth", "0")))
                .Must(round == 1 ? 404 : 207);
            (await Joplin.PutAsync(folder + "/info.json", content)).Must(round == 1 ? 201 : 204);
            (await Joplin.PutAsync(folder + "/0123456789abcdef.md", content)).Must(round == 1 ? 201 : 204);
            var listed = (await Joplin.XmlAsync("PROPFIND", folder + "/", Stat, ("Depth", "1"))).Must(207).Multistatus;
            Assert.Contains("0123456789abcdef.md", listed.Names);
            Assert.NotNull(listed["0123456789abcdef.md"].Value("getlastmodified"));
            var plain = ("User-Agent", "Joplin/1.0");
            Assert.Equal(content, (await client.GetAsync(folder + "/0123456789abcdef.md", plain)).Must(200).Text);
            (await Joplin.SendAsync("DELETE", folder + "/locks/1_1_ab.json")).Must(204);
        }
        (await Joplin.SendAsync("DELETE", folder + "/not-there.md")).Must(404);
    }

    [Theory]
    [InlineData("GET", 200)]
    [InlineData("HEAD", 200)]
    [InlineData("OPTIONS", 200)]
    [InlineData("PROPFIND", 207)]
    [InlineData("LOCK", 200)]
    [InlineData("COPY", 201)]
    [InlineData("MOVE", 201)]
    [InlineData("DELETE", 204)]
    [InlineData("PUT", 204)]
    public async Task What_is_no_condition_is_none_for_any_method(string method, int status)
    {
        foreach (var header in new[] { "If-None-Match", "If-Match", "If-Range", "If-Modified-Since" })
        {
            var path = await drive.NewFolderAsync() + "/note.md";
            (await client.PutAsync(path, "x")).Must(201);
            var body = method switch
            {
                "LOCK" => DavClient.Xml(Replay.LockBody("joplin")),
                "PUT" => new StringContent("y"),
                _ => null,
            };
            (await client.SendAsync(method, path, body, (header, "JoplinIgnore-1"), ("Depth", "0"),
                ("Destination", client.UrlOf(path + "2")))).Must(status);
        }
    }
}
