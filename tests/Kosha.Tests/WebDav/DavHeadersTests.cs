using Kosha.WebDav;
using Xunit;

namespace Kosha.Tests.WebDav;

public sealed class DavHeadersTests
{
    [Theory]
    [InlineData(null, nameof(Depth.Missing))]
    [InlineData("0", nameof(Depth.Zero))]
    [InlineData(" 1 ", nameof(Depth.One))]
    [InlineData("Infinity", nameof(Depth.Infinity))]
    [InlineData("2", nameof(Depth.Malformed))]
    public void Depths(string? header, string expected) =>
        Assert.Equal(expected, DavHeaders.ReadDepth(header).ToString());

    [Theory]
    [InlineData(null, true)]
    [InlineData("T", true)]
    [InlineData("f", false)]
    public void Overwrite_is_true_unless_it_says_no(string? header, bool expected) =>
        Assert.Equal(expected, DavHeaders.ReadOverwrite(header));

    [Fact]
    public void Another_overwrite_is_400() =>
        Assert.Equal(400, Assert.Throws<DavException>(() => DavHeaders.ReadOverwrite("maybe")).Status);

    [Theory]
    [InlineData(null, 3600)]
    [InlineData("nonsense", 3600)]
    [InlineData("Second-600", 600)]
    [InlineData("Infinite, Second-4100000000", 86400)]
    [InlineData("Extend-5, second-4100000000", 86400)]
    [InlineData("Second-99999999999999999999", 86400)]
    [InlineData("Second--5", 3600)]
    public void Timeouts(string? header, int seconds) => Assert.Equal(seconds, DavHeaders.ReadTimeout(header));

    [Theory]
    [InlineData("1600000000", "2020-09-13T12:26:40.0000000Z")]
    [InlineData("1600000000.25", "2020-09-13T12:26:40.2500000Z")]
    [InlineData("-1", "1969-12-31T23:59:59.0000000Z")]
    public void Mtimes(string header, string expected) =>
        Assert.Equal(expected, DavHeaders.ReadMtime(header)!.Value.ToString("O"));

    [Theory]
    [InlineData("yesterday")]
    [InlineData("1e9")]
    [InlineData("99999999999999")]
    [InlineData("-99999999999")]
    [InlineData("NaN")]
    public void Mtimes_that_cannot_be_are_400(string header) =>
        Assert.Equal(400, Assert.Throws<DavException>(() => DavHeaders.ReadMtime(header)).Status);

    [Fact]
    public void Dates_that_are_malformed_count_as_none()
    {
        var expected = new DateTime(1994, 11, 6, 8, 49, 37, DateTimeKind.Utc);
        Assert.Equal(expected, DavHeaders.ReadDate("Sun, 06 Nov 1994 08:49:37 GMT"));
        Assert.Null(DavHeaders.ReadDate("once"));
    }

    [Fact]
    public void Checksums_of_known_kinds()
    {
        var found = DavHeaders.ReadChecksums("sha1:DA39A3EE5E6B4B0D3255BFEF95601890AFD80709 Adler32:00000001")!;
        Assert.Equal("da39a3ee5e6b4b0d3255bfef95601890afd80709", Convert.ToHexStringLower(found.Sha1!));
        Assert.Null(found.Md5);
        Assert.Null(found.Sha256);
    }

    [Theory]
    [InlineData("SHA1:abc")]
    [InlineData("MD5:zz1d8cd98f00b204e9800998ecf8427e")]
    public void Checksums_that_are_none_are_400(string header) =>
        Assert.Equal(400, Assert.Throws<DavException>(() => DavHeaders.ReadChecksums(header)).Status);

    [Theory]
    [InlineData("text/plain; charset=utf-8", "text/plain; charset=utf-8")]
    [InlineData("image/png", "image/png")]
    [InlineData("application/octet-stream", null)]
    [InlineData("application/x-www-form-urlencoded", null)]
    [InlineData("multipart/form-data; boundary=x", null)]
    [InlineData("*/*", null)]
    [InlineData("nonsense", null)]
    [InlineData(null, null)]
    public void Content_types_worth_keeping(string? header, string? kept) =>
        Assert.Equal(kept, DavHeaders.ReadContentType(header));

    [Fact]
    public void Finder_announces_a_chunked_body()
    {
        Assert.Equal(7, DavHeaders.ReadAnnouncedBytes(contentLength: null, "7"));
        Assert.Equal(3, DavHeaders.ReadAnnouncedBytes(contentLength: 3, "7"));
        Assert.Null(DavHeaders.ReadAnnouncedBytes(contentLength: null, "-1"));
    }
}
