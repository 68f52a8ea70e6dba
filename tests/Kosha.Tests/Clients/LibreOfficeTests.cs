using System.Xml.Linq;
using Kosha.Tests.Infrastructure;
using Kosha.Tests.WebDav;
using Xunit;

namespace Kosha.Tests.Clients;

/// <summary>LibreOffice asks first what can be locked, and for locks together with other properties.</summary>
public sealed class LibreOfficeTests(Drive drive) : IClassFixture<Drive>
{
    private readonly DavClient client = drive.Client;

    private Replay Office { get; } = new(drive.Client, ("User-Agent", "LibreOffice 24.2.7.2"));

    private async Task<string> NewDocumentAsync()
    {
        var path = await drive.NewFolderAsync() + "/Brief.odt";
        (await client.PutAsync(path, "old")).Must(201);
        return path;
    }

    private async Task<MultistatusItem> FindAsync(string path, params string[] names) =>
        (await Office.XmlAsync("PROPFIND", path, Replay.Prop(names), ("Depth", "0"))).Must(207).Multistatus.Single;

    [Fact]
    public async Task Locks_come_beside_all_other_properties() // owncloud/ocis#3433
    {
        var path = await NewDocumentAsync();
        string[] names =
            ["D:getcontenttype", "D:getlastmodified", "D:lockdiscovery", "D:supportedlock", "D:resourcetype"];
        var free = await FindAsync(path, names);
        Assert.Equal(5, free.Properties.Values.Count(one => one.Status == 200));
        Assert.Equal("", free.Value("lockdiscovery"));
        var scopes = free.Properties[Multistatus.Dav + "supportedlock"].Element
            .Descendants(Multistatus.Dav + "lockscope").Select(scope => ((XElement)scope.FirstNode!).Name.LocalName);
        Assert.Equal(["exclusive", "shared"], scopes);

        var token = await Office.LockAsync(path, "LibreOffice - Ada", ("Depth", "0"), ("Timeout", "Second-180"));
        var held = await FindAsync(path, names);
        Assert.Equal(5, held.Properties.Values.Count(one => one.Status == 200));
        Assert.Contains("LibreOffice - Ada", held.Value("lockdiscovery"), StringComparison.Ordinal);
        Assert.Contains(token.Trim('<', '>'), held.Value("lockdiscovery"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_document_is_opened_saved_and_closed()
    {
        var path = await NewDocumentAsync();
        (await Office.SendAsync("OPTIONS", path)).Must(200);
        await FindAsync(path, "D:supportedlock", "D:lockdiscovery");
        var answer = (await Office.XmlAsync("LOCK", path, Replay.LockBody("LibreOffice - Ada"),
            ("Depth", "0"), ("Timeout", "Second-180"))).Must(200);
        // A server that gives 30 seconds gets a LOCK every few seconds (owncloud/core#34394).
        Assert.Contains("<D:timeout>Second-3600</D:timeout>", answer.Text, StringComparison.Ordinal);
        var token = answer.Header("Lock-Token")!;
        (await Office.SendAsync("GET", path)).Must(200);
        // The same document opened elsewhere: refused, however often it tries.
        for (var attempt = 0; attempt < 3; attempt++)
            (await Office.XmlAsync("LOCK", path, Replay.LockBody("LibreOffice - Bob"), ("Depth", "0"))).Must(423);
        (await Office.SendAsync("LOCK", path, ("If", $"({token})"), ("Timeout", "Second-180"))).Must(200);
        (await Office.PutAsync(path, "new", ("If", $"({token})"))).Must(204);
        (await Office.SendAsync("UNLOCK", path, ("Lock-Token", token))).Must(204);
        Assert.Equal("", (await FindAsync(path, "D:lockdiscovery")).Value("lockdiscovery"));
        Assert.Equal("new", (await client.GetAsync(path)).Text);
    }

    [Fact]
    public async Task A_new_document_begins_with_its_lock()
    {
        var path = await drive.NewFolderAsync() + "/new.odt";
        (await Office.XmlAsync("PROPFIND", path, Replay.Prop("D:resourcetype"), ("Depth", "0"))).Must(404);
        var token = await Office.LockAsync(path, "LibreOffice - Ada", ("Depth", "0"), ("Timeout", "Second-180"));
        (await Office.PutAsync(path, "new", ("If", $"({token})"))).Must(204);
        (await Office.SendAsync("UNLOCK", path, ("Lock-Token", token))).Must(204);
        Assert.Equal("new", (await client.GetAsync(path)).Text);
    }
}
