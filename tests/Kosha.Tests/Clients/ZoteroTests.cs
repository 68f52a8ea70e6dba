using Kosha.Tests.Infrastructure;
using Kosha.Tests.WebDav;
using Xunit;

namespace Kosha.Tests.Clients;

/// <summary>
/// Zotero verifies a server before it uses it, and takes any answer but 404 for a missing file as broken.
/// </summary>
public sealed class ZoteroTests(Drive drive) : IClassFixture<Drive>
{
    private const string Agent = "Zotero/7.0.11";

    private readonly DavClient client = drive.Client;

    [Fact]
    public async Task A_server_is_verified_and_a_file_synchronised() // 9001/copyparty#1341, zotero/zotero#115
    {
        using (var anonymous = await RawConnection.OpenAsync(client.Server))
        {
            await anonymous.SendAsync($"OPTIONS /dav/zotero/ HTTP/1.1\r\nHost: {client.Server.Authority}\r\n"
                + $"User-Agent: {Agent}\r\n\r\n");
            var head = await anonymous.ReadHeadAsync();
            Assert.StartsWith("HTTP/1.1 200 ", head, StringComparison.Ordinal);
            Assert.Contains("\r\nDAV: 1, 2, 3\r\n", head, StringComparison.Ordinal);
        }
        var zotero = new Replay(client, ("User-Agent", Agent));
        var exists = Replay.Prop("D:getcontentlength");
        (await zotero.XmlAsync("PROPFIND", "zotero/", exists, ("Depth", "0"))).Must(404);
        (await zotero.XmlAsync("PROPFIND", "", exists, ("Depth", "0"))).Must(207);
        (await zotero.SendAsync("MKCOL", "zotero/")).Must(201);
        (await zotero.XmlAsync("PROPFIND", "zotero/", exists, ("Depth", "0"))).Must(207);
        (await zotero.SendAsync("GET", "zotero/nonexistent.prop")).Must(404);
        (await zotero.PutAsync("zotero/zotero-test-file.prop", " ")).Must(201);
        (await zotero.SendAsync("GET", "zotero/zotero-test-file.prop")).Must(200);
        (await zotero.SendAsync("DELETE", "zotero/zotero-test-file.prop")).Must(204);

        (await zotero.SendAsync("GET", "zotero/lastsync.txt")).Must(404);
        (await zotero.SendAsync("GET", "zotero/ABCD1234.prop")).Must(404);
        (await zotero.PutAsync("zotero/ABCD1234.zip", "zip", ("Content-Type", "application/zip"))).Must(201);
        (await zotero.SendAsync("DELETE", "zotero/ABCD1234.prop")).Must(404);
        (await zotero.PutAsync("zotero/ABCD1234.prop", "<properties version=\"1\"/>", ("Content-Type", "text/xml")))
            .Must(201);
        (await zotero.PutAsync("zotero/lastsync.txt", " ")).Must(201);
        Assert.Equal("zip", (await zotero.SendAsync("GET", "zotero/ABCD1234.zip")).Must(200).Text);
    }
}
