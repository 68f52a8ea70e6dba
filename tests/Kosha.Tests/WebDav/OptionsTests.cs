using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.WebDav;

/// <summary>Clients ask before they sign in, and some ask for the server itself (RFC 9110, 9.3.7).</summary>
public sealed class OptionsTests(SharedKosha kosha)
{
    [Theory]
    [InlineData("*")]
    [InlineData("/")]
    [InlineData("/dav")]
    [InlineData("/dav/")]
    [InlineData("/dav/not/there")]
    public async Task Every_URL_tells_the_classes_without_a_sign_in(string target)
    {
        var url = (await kosha.Instance).Url;
        using var connection = await RawConnection.OpenAsync(url);
        await connection.SendAsync($"OPTIONS {target} HTTP/1.1\r\nHost: {url.Authority}\r\n\r\n");
        var head = await connection.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 200 ", head, StringComparison.Ordinal);
        Assert.Contains("\r\nDAV: 1, 2, 3\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nMS-Author-Via: DAV\r\n", head, StringComparison.Ordinal);
        Assert.Contains("PROPFIND, PROPPATCH, LOCK, UNLOCK\r\n", head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Methods_that_are_not_here_are_405_and_words_that_are_no_methods_501()
    {
        using var drive = await kosha.NewDriveAsync();
        var post = (await drive.SendAsync("POST", "")).Must(405);
        Assert.Contains("PROPFIND", post.Header("Allow"), StringComparison.Ordinal);
        (await drive.SendAsync("NONSENSE", "")).Must(501);
    }

    [Fact]
    public async Task Nobody_gets_in_without_a_sign_in()
    {
        var url = (await kosha.Instance).Url;
        using var connection = await RawConnection.OpenAsync(url);
        await connection.SendAsync($"PROPFIND /dav/ HTTP/1.1\r\nHost: {url.Authority}\r\nDepth: 0\r\n\r\n");
        var head = await connection.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 401 ", head, StringComparison.Ordinal);
        Assert.Contains("WWW-Authenticate: Basic realm=\"Kosha\", charset=\"UTF-8\"", head, StringComparison.Ordinal);
    }
}
