using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;
using Kosha.Tests.Infrastructure;
using Kosha.Tests.WebDav;
using Xunit;

namespace Kosha.Tests.Clients;

/// <summary>
/// Requests of rclone, vendor owncloud, that Debian's version 1.60 does not send: newer ones set times and checksums by
/// PROPPATCH.
/// </summary>
public sealed class RcloneReplayTests(Drive drive) : IClassFixture<Drive>
{
    private const string Hello = "SHA1:aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d MD5:5d41402abc4b2a76b9719d911017c592";
    private const string Time = "Sun, 13 Sep 2020 12:26:40 GMT";

    private static readonly XName Checksums = Multistatus.OwnCloud + "checksums";

    private readonly DavClient client = drive.Client;

    private Replay Rclone { get; } =
        new(drive.Client, ("User-Agent", "rclone/v1.75.0"), ("Referer", drive.Client.UrlOf("")));

    private static string Update(string time, string? checksum = null) => $"""
        <D:propertyupdate xmlns:D="DAV:" xmlns:oc="http://owncloud.org/ns">
         <D:set>
          <D:prop>
           <lastmodified xmlns="DAV:">{time}</lastmodified>
           {(checksum is null ? "" : $"<oc:checksums><oc:checksum>{checksum}</oc:checksum></oc:checksums>")}
          </D:prop>
         </D:set>
        </D:propertyupdate>
        """;

    private static readonly string Meta = Replay.Prop("D:displayname", "D:getlastmodified", "D:getcontentlength",
        "D:resourcetype", "D:getcontenttype", "oc:checksums", "oc:permissions");

    private async Task<MultistatusItem> MetaAsync(string path) =>
        (await Rclone.XmlAsync("PROPFIND", path, Meta, ("Depth", "0"))).Must(207).Multistatus.Single;

    [Theory]
    [InlineData("1600000000")]
    [InlineData("1600000000.5")]
    [InlineData("Sun, 13 Sep 2020 12:26:40 GMT")]
    [InlineData("2020-09-13T12:26:40Z")]
    public async Task PROPPATCH_of_lastmodified_sets_the_time_and_keeps_the_checksums(string time)
    {
        var path = await drive.NewFolderAsync() + "/file";
        (await Rclone.PutAsync(path, "hello")).Must(201);
        foreach (var body in new[] { Update(time), Update(time, "SHA1:0000000000000000000000000000000000000000") })
        {
            var answer = (await Rclone.XmlAsync("PROPPATCH", path, body)).Must(207).Multistatus.Single;
            Assert.All(answer.Properties.Values, one => Assert.Equal(200, one.Status));
            var meta = await MetaAsync(path);
            Assert.Equal((Time, Hello), (meta.Value("getlastmodified"), meta.Value(Checksums)));
        }
    }

    [Fact]
    public async Task A_file_goes_up_with_its_time_and_checksum_and_is_found_so()
    {
        var folder = await drive.NewFolderAsync();
        (await Rclone.SendAsync("MKCOL", folder + "/")).Must(405);
        (await Rclone.SendAsync("MKCOL", folder + "/a/b/")).Must(409);
        (await Rclone.SendAsync("MKCOL", folder + "/a/")).Must(201);
        var up = (await Rclone.PutAsync(folder + "/a/file", "hello", ("X-OC-Mtime", "1600000000"),
            ("OC-Checksum", "SHA1:aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"))).Must(201);
        Assert.Equal("accepted", up.Header("X-OC-Mtime"));
        var meta = await MetaAsync(folder + "/a/file");
        Assert.Equal((Time, Hello, "5"),
            (meta.Value("getlastmodified"), meta.Value(Checksums), meta.Value("getcontentlength")));
        // S and M would hide it as shared or mounted.
        Assert.DoesNotContain(meta.Value(Multistatus.OwnCloud + "permissions")!, letter => letter is 'S' or 'M');
        var listed = (await Rclone.XmlAsync("PROPFIND", folder + "/a/", Meta, ("Depth", "1"))).Must(207).Multistatus;
        Assert.Equal(Hello, listed["file"].Value(Checksums));
        Assert.Equal("hello", (await Rclone.SendAsync("GET", folder + "/a/file", ("Depth", "0"))).Must(200).Text);
        Assert.Equal("llo", (await Rclone.SendAsync("GET", folder + "/a/file", ("Range", "bytes=2-"))).Must(206).Text);
    }

    [Theory]
    [InlineData("COPY")]
    [InlineData("MOVE")]
    public async Task A_copy_and_a_move_take_the_time_along_at_once(string method)
    {
        var folder = await drive.NewFolderAsync();
        (await Rclone.PutAsync(folder + "/a", "hello")).Must(201);
        var answer = (await Rclone.SendAsync(method, folder + "/a", ("Destination", client.UrlOf(folder + "/b")),
            ("Overwrite", "T"), ("X-OC-Mtime", "1600000000.25"))).Must(201);
        // Otherwise rclone sends one more PROPPATCH for each file.
        Assert.Equal("accepted", answer.Header("X-OC-Mtime"));
        var meta = await MetaAsync(folder + "/b");
        Assert.Equal((Time, Hello), (meta.Value("getlastmodified"), meta.Value(Checksums)));
    }

    [Theory]
    [InlineData("SHA1")]
    [InlineData("MD5")]
    public async Task Wrong_bytes_are_refused_and_the_old_ones_stay(string kind)
    {
        var path = await drive.NewFolderAsync() + "/file";
        var before = (await Rclone.PutAsync(path, "hello")).Must(201);
#pragma warning disable CA5350, CA5351 // The checksums that rclone sends.
        var sent = Encoding.UTF8.GetBytes("what was read from the disk");
        var digest = kind == "SHA1" ? SHA1.HashData(sent) : MD5.HashData(sent);
#pragma warning restore CA5350, CA5351
        (await Rclone.PutAsync(path, "what arrived",
            ("OC-Checksum", $"{kind}:{Convert.ToHexStringLower(digest)}"), ("X-OC-Mtime", "1600000000"))).Must(400);
        var after = (await client.GetAsync(path)).Must(200);
        Assert.Equal(("hello", before.Etag, before.Header("Last-Modified")),
            (after.Text, after.Etag, after.Header("Last-Modified")));
    }

    [Fact]
    public async Task About_reads_the_quota()
    {
        var body = Replay.Prop("D:quota-available-bytes", "D:quota-used-bytes");
        var item = (await Rclone.XmlAsync("PROPFIND", "", body, ("Depth", "0"))).Must(207).Multistatus.Single;
        Assert.All(item.Properties.Values, one => Assert.True(one.Status == 200 && one.Element.Value[0] != '-'));
        Assert.Equal(2, item.Properties.Count);
    }
}
