using System.Xml.Linq;
using Kosha.Tests.Infrastructure;
using Kosha.Tests.WebDav;
using Xunit;

namespace Kosha.Tests.Clients;

/// <summary>
/// Windows Explorer, whose redirector signs in with the name of its machine, knows no case, and creates a file in seven
/// requests.
/// </summary>
public sealed class ExplorerTests(Drive drive) : IClassFixture<Drive>
{
    private const string Agent = "Microsoft-WebDAV-MiniRedir/10.0.22631";
    private static readonly XNamespace Windows = "urn:schemas-microsoft-com:";

    private readonly DavClient client = drive.Client;

    private Replay Explorer { get; } = new(drive.Client, ("User-Agent", Agent), ("translate", "f"));

    private static string Times(string created, string modified) => $"""
        <D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:set><D:prop>
        <Z:Win32CreationTime>{created}</Z:Win32CreationTime><Z:Win32LastAccessTime>{modified}</Z:Win32LastAccessTime>
        <Z:Win32LastModifiedTime>{modified}</Z:Win32LastModifiedTime>
        <Z:Win32FileAttributes>00000020</Z:Win32FileAttributes></D:prop></D:set></D:propertyupdate>
        """;

    [Fact]
    public async Task A_drive_is_connected_as_a_user_of_some_machine()
    {
        using var anonymous = await RawConnection.OpenAsync(client.Server);
        foreach (var (method, target, status) in new[] { ("OPTIONS", "/", 200), ("OPTIONS", "/dav", 200),
            ("PROPFIND", "/dav", 401) })
        {
            await anonymous.SendAsync($"{method} {target} HTTP/1.1\r\nHost: {client.Server.Authority}\r\n"
                + $"User-Agent: {Agent}\r\ntranslate: f\r\nDepth: 0\r\nContent-Length: 0\r\n\r\n");
            var head = await anonymous.ReadHeadAsync();
            Assert.StartsWith($"HTTP/1.1 {status} ", head, StringComparison.Ordinal);
            Assert.Contains(status == 200 ? "\r\nMS-Author-Via: DAV\r\n" : "\r\nWWW-Authenticate: Basic realm=", head,
                StringComparison.Ordinal);
            if (status == 200)
                Assert.Contains("\r\nContent-Length: 0\r\n", head, StringComparison.Ordinal);
        }
        foreach (var name in new[] { $"DESKTOP-4711\\{client.User.Name}", $"example.org\\{client.User.Name}" })
        {
            using var member = new DavClient(client.Server, client.User with { Name = name });
            var explorer = new Replay(member, ("User-Agent", Agent), ("translate", "f"));
            (await explorer.SendAsync("PROPFIND", "", ("Depth", "0"))).Must(207);
        }
    }

    [Fact]
    public async Task A_file_is_created_with_its_times_under_one_lock() // cs3org/reva#4928
    {
        var path = await drive.NewFolderAsync() + "/New%20Document.txt";
        const string created = "Fri, 10 May 2024 08:43:02 GMT";
        const string modified = "Sun, 13 Sep 2020 12:26:40 GMT";
        (await Explorer.SendAsync("PROPFIND", path, ("Depth", "0"))).Must(404);
        (await Explorer.PutAsync(path, "")).Must(201);
        var token = await Explorer.LockAsync(path, "DESKTOP-4711\\ada", ("Timeout", "Second-3600"));
        var held = ("If", $"({token})");
        (await Explorer.XmlAsync("PROPPATCH", path, Times(created, created), held)).Must(207);
        (await Explorer.SendAsync("HEAD", path)).Must(200);
        (await Explorer.PutAsync(path, "content", held)).Must(204);
        var hidden = Times(created, modified).Replace("00000020", "00000022", StringComparison.Ordinal);
        (await Explorer.XmlAsync("PROPPATCH", path, hidden)).Must(423);
        var set = (await Explorer.XmlAsync("PROPPATCH", path, hidden, held)).Must(207);
        Assert.Equal([200, 200, 200, 200], set.Multistatus.Single.Properties.Values.Select(one => one.Status));
        (await Explorer.SendAsync("UNLOCK", path, ("Lock-Token", token))).Must(204);

        var entry = (await Explorer.SendAsync("PROPFIND", path, ("Depth", "0"))).Must(207).Multistatus.Single;
        Assert.Equal(
            ("7", modified, "2024-05-10T08:43:02Z", "00000022"),
            (entry.Value("getcontentlength"), entry.Value("getlastmodified"), entry.Value("creationdate"),
                entry.Value(Windows + "Win32FileAttributes")));
        Assert.Equal(modified, (await client.HeadAsync(path)).Header("Last-Modified"));
    }

    [Theory]
    [InlineData("If")]
    [InlineData("Lock-Token")]
    [InlineData("without brackets")]
    public async Task A_token_is_known_however_it_is_sent(string how)
    {
        var path = await drive.NewFolderAsync() + "/file";
        var token = await Explorer.LockAsync(path, "ada");
        var header = how switch
        {
            "If" => ("If", $"<{client.UrlOf(path)}> ({token})"),
            "Lock-Token" => ("Lock-Token", token),
            _ => ("Lock-Token", token.Trim('<', '>')),
        };
        (await Explorer.PutAsync(path, "content", header)).Must(204);
        (await Explorer.SendAsync("UNLOCK", path, ("Lock-Token", header.Item2.Split('(')[^1].Trim(')')))).Must(204);
    }

    [Theory]
    [InlineData("00000020", 400)]
    [InlineData("00000023", 500)]
    public async Task A_listing_stays_below_the_limit_of_the_redirector(string attributes, int maxEntryBytes)
    {
        const int Count = 50;
        var folder = await drive.NewFolderAsync();
        for (var i = 0; i < Count; i++)
        {
            var path = $"{folder}/Quarterly%20report%20of%20department%20{i:D2}.xlsx";
            (await Explorer.PutAsync(path, "content")).Must(201);
            var times = Times("Fri, 10 May 2024 08:43:02 GMT", "Fri, 10 May 2024 08:43:02 GMT");
            (await Explorer.XmlAsync(
                "PROPPATCH", path, times.Replace("00000020", attributes, StringComparison.Ordinal))).Must(207);
        }
        var answer = (await Explorer.SendAsync("PROPFIND", folder, ("Depth", "1"), ("Content-Length", "0"))).Must(207);
        Assert.Equal(Count, answer.Multistatus.Names.Count());
        Assert.InRange(answer.Body.Length / (Count + 1), 1, maxEntryBytes);
        // An XML prefix other than D confuses some versions (golang/go#11177).
        Assert.Contains("<D:multistatus xmlns:D=\"DAV:\"", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_without_its_slash_is_no_redirect()
    {
        var folder = await drive.NewFolderAsync();
        foreach (var path in new[] { folder, folder + "/" })
        {
            foreach (var method in new[] { "OPTIONS", "PROPFIND", "HEAD", "GET" })
                (await Explorer.SendAsync(method, path, ("Depth", "1"))).Must(200, 207);
        }
        (await Explorer.SendAsync("MKCOL", folder + "/sub/")).Must(201);
        (await Explorer.SendAsync("MOVE", folder + "/sub", ("Destination", client.UrlOf(folder + "/renamed")),
            ("Overwrite", "F"))).Must(201);
        (await Explorer.SendAsync("DELETE", folder + "/renamed/")).Must(204);
    }

    [Theory]
    [InlineData("a+b & c.txt", "a+b%20&%20c.txt")]
    [InlineData("100% #1.txt", "100%25%20%231.txt")]
    [InlineData("%2B;=,@.txt", "%252B;=,@.txt")]
    [InlineData("Müller [1] 'x'.txt", "M%C3%BCller%20%5B1%5D%20'x'.txt")]
    [InlineData("ends with a dot.", "ends%20with%20a%20dot.")]
    public async Task Names_come_back_as_they_went(string name, string encoded)
    {
        var folder = await drive.NewFolderAsync();
        (await Explorer.PutAsync($"{folder}/{encoded}", "content")).Must(201);
        var listed = (await Explorer.SendAsync("PROPFIND", folder, ("Depth", "1"))).Must(207).Multistatus;
        Assert.Equal(name, Assert.Single(listed.Names));
        // Explorer goes on with the href that it was given.
        var href = listed.Items[1].Href["/dav/".Length..];
        Assert.Equal("content", (await Explorer.SendAsync("GET", href)).Must(200).Text);
        (await Explorer.SendAsync("MOVE", href, ("Destination", $"{client.UrlOf(folder)}/copy%20of%20{encoded}"),
            ("Overwrite", "F"))).Must(201);
        Assert.Equal(["copy of " + name], (await client.ListAsync(folder)).Names);
    }

    [Fact]
    public async Task Case_means_nothing_but_is_kept_and_can_be_changed()
    {
        var folder = await drive.NewFolderAsync();
        (await Explorer.SendAsync("MKCOL", folder + "/Reports")).Must(201);
        (await Explorer.PutAsync(folder + "/reports/Summary.TXT", "first")).Must(201);
        (await Explorer.PutAsync(folder + "/REPORTS/summary.txt", "second")).Must(204);
        Assert.Equal(["Summary.TXT"], (await client.ListAsync(folder + "/Reports")).Names);

        var listed = (await Explorer.SendAsync("PROPFIND", folder + "/rePORTS", ("Depth", "1"))).Must(207).Multistatus;
        Assert.Equal([$"/dav/{folder}/rePORTS/", $"/dav/{folder}/rePORTS/Summary.TXT"],
            listed.Items.Select(item => item.Href));

        (await Explorer.SendAsync("MOVE", folder + "/Reports/Summary.TXT",
            ("Destination", client.UrlOf(folder + "/reports/summary.txt")), ("Overwrite", "F"))).Must(201);
        (await Explorer.SendAsync("MOVE", folder + "/Reports",
            ("Destination", client.UrlOf(folder + "/REPORTS")), ("Overwrite", "F"))).Must(201);
        Assert.Equal(["REPORTS"], (await client.ListAsync(folder)).Names);
        Assert.Equal("second", (await client.GetAsync(folder + "/REPORTS/summary.txt")).Must(200).Text);

        // Where a Linux client has made both, each name means itself.
        (await client.PutAsync(folder + "/REPORTS/SUMMARY.txt", "third")).Must(201);
        Assert.Equal("second", (await Explorer.SendAsync("GET", folder + "/REPORTS/summary.txt")).Must(200).Text);
        (await Explorer.SendAsync("GET", folder + "/REPORTS/Summary.txt")).Must(404);
    }
}
