using Kosha.Storage;
using Kosha.Storage.Tree;
using Kosha.WebDav;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Kosha.Tests.WebDav;

public sealed class DavUrlTests
{
    [Theory]
    [InlineData("/dav", "/", false)]
    [InlineData("/dav/", "/", true)]
    [InlineData("/dav/a%20b/c+d", "/a b/c+d", false)]
    [InlineData("/dav//a/", "/a", true)]
    [InlineData("/dav/a?b=/c/", "/a", false)]
    [InlineData("http://host/dav/%25", "/%", false)]
    [InlineData("/dav/e%CC%81", "/\u00E9", false)]
    public void Targets(string target, string path, bool endsWithSlash)
    {
        Assert.Equal(path, DavUrl.FromTarget(target, out var slash).ToString());
        Assert.Equal(endsWithSlash, slash);
    }

    [Theory]
    [InlineData("/dav", true, "/dav/")]
    [InlineData("/dav/e%CC%81", false, "/dav/e%CC%81")]
    [InlineData("/DAV//A%20b/c+d&e'", true, "/DAV/A%20b/c%2Bd%26e%27/")]
    [InlineData("http://host/dav/%25?b=c", false, "/dav/%25")]
    public void A_target_is_echoed_as_its_client_wrote_the_names(string target, bool isFolder, string href) =>
        Assert.Equal(href, DavUrl.Echo(target, isFolder));

    [Theory]
    [InlineData("/davy/a", 404)]
    [InlineData("/other", 404)]
    [InlineData("*", 404)]
    [InlineData("/x/../dav/a", 404)]
    [InlineData("/dav/a#b", 400)]
    public void Targets_outside_the_drive(string target, int status) =>
        Assert.Equal(status, Assert.Throws<DavException>(() => DavUrl.FromTarget(target, out _)).Status);

    [Theory]
    [InlineData("/dav/a/../b")]
    [InlineData("/dav/%2e%2e/b")]
    [InlineData("/dav/a%2Fb")]
    [InlineData("/dav/a%00")]
    [InlineData("/dav/a%zz")]
    [InlineData("/dav/%ff")]
    public void Names_that_cannot_be(string target)
    {
        var refusal = Assert.Throws<StorageException>(() => DavUrl.FromTarget(target, out _));
        Assert.Equal(StorageFault.InvalidName, refusal.Fault);
    }

    [Theory]
    [InlineData("http://host/dav/a", "host")]
    [InlineData("https://host/dav/a", "host")]
    [InlineData("https://HOST:443/dav/a", "host")]
    [InlineData("http://host:8080/dav/a", "host:8080")]
    [InlineData("http://user@host:8080/dav/a", "host:8080")]
    [InlineData("https://host/dav/a", "host:443")]
    [InlineData("/dav/a", "anything")]
    [InlineData("http://[::1]:8080/dav/a", "[::1]:8080")]
    [InlineData("https://public.example/dav/a", "inner:8080")]
    public void Destinations_on_this_server(string header, string host)
    {
        var found = DavUrl.FromDestination(header, new HostString(host), new Uri("https://public.example/"));
        Assert.Equal("/a", found.ToString());
    }

    [Theory]
    [InlineData(null, 400)]
    [InlineData("", 400)]
    [InlineData("a/b", 400)]
    [InlineData("//host/dav/a", 400)]
    [InlineData("ftp://host/dav/a", 400)]
    [InlineData("http:///dav/a", 400)]
    [InlineData("/dav/a?b", 400)]
    [InlineData("/dav/a#b", 400)]
    [InlineData("http://other/dav/a", 502)]
    [InlineData("http://host:81/dav/a", 502)]
    [InlineData("http://host/a", 403)]
    [InlineData("/", 403)]
    [InlineData("/dav", 403)]
    [InlineData("http://host/dav/", 403)]
    public void Destinations_refused(string? header, int status)
    {
        var refusal = Assert.Throws<DavException>(() => DavUrl.FromDestination(header, new HostString("host"), null));
        Assert.Equal(status, refusal.Status);
    }

    [Fact]
    public void Hrefs_are_encoded_and_read_back()
    {
        var path = NodePath.FromNames(["a b", "100%", "q?#&+'\"<>", "\u00E9\U0001F600"]);
        var href = DavUrl.Href(path, isFolder: true);
        Assert.Equal("/dav/a%20b/100%25/q%3F%23%26%2B%27%22%3C%3E/%C3%A9%F0%9F%98%80/", href);
        Assert.Equal(path, DavUrl.FromTarget(href, out _));
        Assert.Equal("/dav/", DavUrl.Href(NodePath.Root, isFolder: true));
    }
}
