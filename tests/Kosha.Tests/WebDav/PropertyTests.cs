using System.Globalization;
using System.Xml.Linq;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.WebDav;

/// <summary>PROPFIND and PROPPATCH.</summary>
public sealed class PropertyTests(Drive drive) : IClassFixture<Drive>
{
    private static readonly XNamespace Windows = "urn:schemas-microsoft-com:";

    private readonly DavClient client = drive.Client;

    private static string Named(params string[] elements) =>
        $"<D:propfind xmlns:D='DAV:' xmlns:oc='http://owncloud.org/ns' xmlns:Z='{Windows}'><D:prop>"
        + string.Concat(elements.Select(name => $"<{name}/>")) + "</D:prop></D:propfind>";

    private static string Update(string instructions) =>
        $"<D:propertyupdate xmlns:D='DAV:' xmlns:oc='http://owncloud.org/ns' xmlns:Z='{Windows}' xmlns:n='n'>"
        + instructions + "</D:propertyupdate>";

    private static string Set(string properties) => Update($"<D:set><D:prop>{properties}</D:prop></D:set>");

    private async Task<string> NewFileAsync(string content = "hello")
    {
        var path = await drive.NewFolderAsync() + "/file.txt";
        (await client.PutAsync(path, content)).Must(201);
        return path;
    }

    private async Task<MultistatusItem> FindAsync(string path, params string[] elements) =>
        (await client.PropfindAsync(path, "0", Named(elements))).Must(207).Multistatus.Single;

    [Theory]
    [InlineData("infinity", 403)]
    [InlineData("2", 400)]
    [InlineData("1", 207)]
    public async Task Depths(string depth, int status)
    {
        var answer = (await client.PropfindAsync("", depth)).Must(status);
        if (status == 403)
            Assert.Contains("<D:propfind-finite-depth/>", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_depth_means_infinity_which_for_a_file_is_nothing_more()
    {
        (await client.SendAsync("PROPFIND", "")).Must(403);
        (await client.SendAsync("PROPFIND", await NewFileAsync())).Must(207);
    }

    [Fact]
    public async Task A_property_named_twice_comes_once()
    {
        var path = await NewFileAsync();
        Assert.Single((await FindAsync(path, "D:getetag", "D:getetag")).Properties);
        const string body =
            "<D:propfind xmlns:D='DAV:'><D:allprop/><D:include><D:getetag/><D:quota-used-bytes/></D:include>"
            + "</D:propfind>";
        var item = (await client.PropfindAsync(path.Split('/')[0], "0", body)).Must(207).Multistatus.Single;
        Assert.NotNull(item.Value("quota-used-bytes"));
    }

    [Theory]
    [InlineData("<D:propfind xmlns:D='DAV:'>", 400)]
    [InlineData("<!DOCTYPE x [<!ENTITY a 'b'>]><D:propfind xmlns:D='DAV:'><D:allprop/></D:propfind>", 400)]
    [InlineData("<D:propfind xmlns:D='DAV:'/>", 400)]
    public async Task Bad_bodies(string body, int status) => (await client.PropfindAsync("", "0", body)).Must(status);

    [Fact]
    public async Task All_properties_of_a_file()
    {
        var path = await NewFileAsync();
        var item = (await client.PropfindAsync(path, "0")).Must(207).Multistatus.Single;
        var head = await client.HeadAsync(path);
        Assert.Equal("/dav/" + path, item.Href);
        Assert.False(item.IsFolder);
        Assert.Equal("5", item.Value("getcontentlength"));
        Assert.Equal("text/plain", item.Value("getcontenttype"));
        Assert.Equal("file.txt", item.Value("displayname"));
        Assert.Equal(head.Etag, item.Value("getetag"));
        Assert.Equal(head.Header("Last-Modified"), item.Value("getlastmodified"));
        Assert.EndsWith("Z", item.Value("creationdate"), StringComparison.Ordinal);
        Assert.Equal("", item.Value("lockdiscovery"));
        Assert.Equal(2, item.Properties[Infrastructure.Multistatus.Dav + "supportedlock"].Element.Elements().Count());
        Assert.All(item.Properties.Values, property => Assert.Equal(200, property.Status));
    }

    [Fact]
    public async Task A_folder_and_its_children()
    {
        var path = await NewFileAsync();
        var folder = path.Split('/')[0];
        (await client.MkcolAsync(folder + "/sub")).Must(201);
        var found = await client.ListAsync(folder);
        Assert.Equal([$"/dav/{folder}/", $"/dav/{path}", $"/dav/{folder}/sub/"], found.Items.Select(item => item.Href));
        Assert.Equal([true, false, true], found.Items.Select(item => item.IsFolder));
    }

    [Fact]
    public async Task Names_alone()
    {
        var path = await NewFileAsync();
        (await client.ProppatchAsync(path, Set("<n:a>1</n:a>"))).Must(207);
        var body = "<D:propfind xmlns:D='DAV:'><D:propname/></D:propfind>";
        var item = (await client.PropfindAsync(path, "0", body)).Must(207).Multistatus.Single;
        Assert.Contains((XName)"{n}a", item.Properties.Keys);
        Assert.Contains(Infrastructure.Multistatus.Dav + "getetag", item.Properties.Keys);
        Assert.All(item.Properties.Values, property => Assert.True(property.Element.IsEmpty));
    }

    [Fact]
    public async Task What_is_asked_for_and_missing_is_404()
    {
        var item = await FindAsync(await NewFileAsync(), "D:getetag", "D:nonsense", "oc:nonsense");
        Assert.Equal([200, 404, 404], item.Properties.Values.Select(property => property.Status));
    }

    [Fact]
    public async Task Quota_stands_on_folders()
    {
        var path = await NewFileAsync();
        var item = await FindAsync(path.Split('/')[0], "D:quota-used-bytes", "D:quota-available-bytes");
        var used = long.Parse(item.Value("quota-used-bytes")!, CultureInfo.InvariantCulture);
        var available = long.Parse(item.Value("quota-available-bytes")!, CultureInfo.InvariantCulture);
        Assert.True(used >= 5 && available > 0);
    }

    [Fact]
    public async Task Digests_are_those_of_the_bytes()
    {
        var item = await FindAsync(await NewFileAsync(), "oc:checksums");
        Assert.Equal(
            "SHA1:aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d MD5:5d41402abc4b2a76b9719d911017c592",
            item.Value(Infrastructure.Multistatus.OwnCloud + "checksums"));
    }

    [Fact]
    public async Task Dead_properties_are_kept_copied_moved_and_removed()
    {
        var path = await NewFileAsync();
        const string value = "<n:a x='&quot;1&amp;'>t<b xmlns='m'>&lt;</b><![CDATA[&]]></n:a>";
        (await client.ProppatchAsync(path, Set(value))).Must(207);
        (await client.CopyAsync(path, path + "2")).Must(201);
        (await client.MoveAsync(path + "2", path + "3")).Must(201);
        var expected = XElement.Parse(value.Replace("<n:a", "<n:a xmlns:n='n'", StringComparison.Ordinal));
        foreach (var where in new[] { path, path + "3" })
        {
            var found = (await client.PropfindAsync(where, "0")).Multistatus.Single.Properties["{n}a"].Element;
            Assert.Equal(expected.Value, found.Value);
            Assert.Equal((string?)expected.Attribute("x"), (string?)found.Attribute("x"));
            Assert.Equal("<", found.Element("{m}b")!.Value);
        }
        (await client.ProppatchAsync(path, Update("<D:remove><D:prop><n:a/></D:prop></D:remove>"))).Must(207);
        var without = (await client.PropfindAsync(path, "0")).Multistatus.Single;
        Assert.DoesNotContain((XName)"{n}a", without.Properties.Keys);
    }

    [Fact]
    public async Task One_protected_property_refuses_all()
    {
        var path = await NewFileAsync();
        var answer = (await client.ProppatchAsync(path, Set("<n:a>1</n:a><D:getetag>x</D:getetag>"))).Must(207);
        var item = answer.Multistatus.Single;
        Assert.Equal(424, item.Properties["{n}a"].Status);
        Assert.Equal(403, item.Properties["{DAV:}getetag"].Status);
        Assert.Contains("<D:cannot-modify-protected-property/>", answer.Text, StringComparison.Ordinal);
        Assert.Null((await FindAsync(path, "n:a xmlns:n='n'")).Value((XName)"{n}a"));
    }

    [Fact]
    public async Task Room_for_properties_is_limited()
    {
        var path = await NewFileAsync();
        var item = (await client.ProppatchAsync(path, Set($"<n:a>{new string('x', 70_000)}</n:a><n:b/>")))
            .Must(207).Multistatus.Single;
        Assert.Equal(507, item.Properties["{n}a"].Status);
        (await client.ProppatchAsync(path, Set(new string(' ', 2 << 20)))).Must(413);
    }

    [Fact]
    public async Task rclone_sets_the_time_and_sends_checksums_along()
    {
        var path = await NewFileAsync();
        var update = Set(
            "<D:lastmodified>1600000000</D:lastmodified>"
            + "<oc:checksums><oc:checksum>SHA1:x</oc:checksum></oc:checksums>");
        var item = (await client.ProppatchAsync(path, update)).Must(207).Multistatus.Single;
        Assert.All(item.Properties.Values, property => Assert.Equal(200, property.Status));
        Assert.Equal("Sun, 13 Sep 2020 12:26:40 GMT", (await client.HeadAsync(path)).Header("Last-Modified"));
    }

    [Fact]
    public async Task Explorer_sets_four_properties_under_its_own_lock()
    {
        // PUT of nothing, LOCK, PUT, PROPPATCH, UNLOCK.
        var path = await NewFileAsync("");
        var token = await client.LockAsync(path, "0");
        var held = ("If", $"(<{token}>)");
        (await client.PutAsync(path, "content", held)).Must(204);
        const string time = "Sun, 13 Sep 2020 12:26:40 GMT";
        var update = Set(
            $"<Z:Win32CreationTime>{time}</Z:Win32CreationTime><Z:Win32LastAccessTime>{time}</Z:Win32LastAccessTime>"
            + $"<Z:Win32LastModifiedTime>{time}</Z:Win32LastModifiedTime>"
            + "<Z:Win32FileAttributes>00000022</Z:Win32FileAttributes>");
        (await client.ProppatchAsync(path, update)).Must(423);
        var item = (await client.ProppatchAsync(path, update, held)).Must(207).Multistatus.Single;
        Assert.Equal(4, item.Properties.Count);
        Assert.All(item.Properties.Values, property => Assert.Equal(200, property.Status));
        (await client.UnlockAsync(path, token)).Must(204);
        Assert.Equal(time, (await client.HeadAsync(path)).Header("Last-Modified"));
        item = await FindAsync(path, "Z:Win32FileAttributes", "Z:Win32LastModifiedTime", "Z:Win32CreationTime");
        Assert.Equal("00000022", item.Value(Windows + "Win32FileAttributes"));
        Assert.Equal(time, item.Value(Windows + "Win32LastModifiedTime"));
        Assert.Equal(time, item.Value(Windows + "Win32CreationTime"));
    }

    [Fact]
    public async Task Nothing_changes_where_nothing_is()
    {
        (await client.ProppatchAsync("not-there", Set("<n:a/>"))).Must(404);
        (await client.ProppatchAsync("not-there", Set("<D:getetag/>"))).Must(404);
        (await client.PropfindAsync("not-there", "0")).Must(404);
        (await client.SendAsync("PROPPATCH", "")).Must(400);
    }
}
