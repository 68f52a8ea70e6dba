using Kosha.Storage.Tree;
using Kosha.WebDav.Methods;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Kosha.Tests.WebDav;

/// <summary>Nothing that somebody stored may run in Kosha's origin.</summary>
public sealed class ContentHeadersTests
{
    [Theory]
    [InlineData("text/plain; charset=utf-8", true)]
    [InlineData("IMAGE/PNG", true)]
    [InlineData("video/mp4", true)]
    [InlineData("application/pdf", true)]
    [InlineData("image/svg+xml", false)]
    [InlineData("text/html", false)]
    [InlineData("application/xhtml+xml", false)]
    [InlineData("text/xml", false)]
    [InlineData("application/octet-stream", false)]
    public void Inert_types(string type, bool expected) => Assert.Equal(expected, ContentHeaders.IsInert(type));

    [Fact]
    public void Everything_else_is_an_attachment_in_a_sandbox()
    {
        var response = new DefaultHttpContext().Response;
        ContentHeaders.Write(response, ContentHeaders.Of(new FileNode { Name = "\u00E9\"\r\n.html" }));
        Assert.Equal("text/html", response.ContentType);
        Assert.Equal("nosniff", response.Headers.XContentTypeOptions);
        Assert.Equal("sandbox; default-src 'none'", response.Headers.ContentSecurityPolicy);
        var disposition = response.Headers.ContentDisposition.ToString();
        Assert.StartsWith("attachment", disposition, StringComparison.Ordinal);
        Assert.Contains("filename*=UTF-8''%C3%A9%22", disposition, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', disposition);
    }
}
