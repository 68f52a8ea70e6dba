using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;
using Kosha.WebDav;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Xunit;

namespace Kosha.Tests.WebDav;

/// <summary>RFC 9110, 13.2.2 and 14.2.</summary>
public sealed class PreconditionsTests
{
    private const string Before = "Sun, 06 Nov 1994 08:49:36 GMT";
    private const string Same = "Sun, 06 Nov 1994 08:49:37 GMT";

    private static readonly FileNode File = new()
    {
        Etag = Guid.Parse("11111111111111111111111111111111"),
        ModifiedAt = new DateTime(1994, 11, 6, 8, 49, 37, 500, DateTimeKind.Utc),
    };

    private static readonly string Tag = EntityTags.Format(File.Etag);

    private static DavRequest Request(params string[] namesAndValues)
    {
        var http = new DefaultHttpContext();
        http.Request.Method = "GET";
        http.Features.Get<IHttpRequestFeature>()!.RawTarget = "/dav/a";
        foreach (var pair in namesAndValues.Chunk(2))
            http.Request.Headers.Append(pair[0], pair[1]);
        return DavRequest.Read(http, new Caller(1, Guid.Empty), new WebDavOptions());
    }

    private static int StatusOf(FileNode node, params string[] headers) =>
        Preconditions.ForRead(Request(headers), node);

    [Fact]
    public void Without_headers_all_goes_on() => Assert.Equal(200, StatusOf(File));

    [Fact]
    public void Tags_decide_and_dates_beside_them_do_not()
    {
        Assert.Equal(304, StatusOf(File, "If-None-Match", Tag, "If-Modified-Since", Before));
        Assert.Equal(304, StatusOf(File, "If-None-Match", "W/" + Tag));
        Assert.Equal(200, StatusOf(File, "If-None-Match", "\"x\"", "If-Modified-Since", Same));
        Assert.Equal(200, StatusOf(File, "If-Match", Tag, "If-Unmodified-Since", Before));
        Assert.Equal(412, StatusOf(File, "If-Match", "\"x\""));
        Assert.Equal(412, StatusOf(File, "If-Match", "\"x\"", "If-None-Match", Tag));
    }

    [Fact]
    public void Malformed_conditions_are_no_conditions() =>
        Assert.Equal(200, StatusOf(File, "If-None-Match", "JoplinIgnore-1", "If-Match", "x", "If-Modified-Since", "?"));

    [Fact]
    public void Dates_compare_by_the_second()
    {
        Assert.Equal(304, StatusOf(File, "If-Modified-Since", Same));
        Assert.Equal(200, StatusOf(File, "If-Modified-Since", Before));
        Assert.Equal(200, StatusOf(File, "If-Unmodified-Since", Same));
        Assert.Equal(412, StatusOf(File, "If-Unmodified-Since", Before));
    }

    [Fact]
    public void A_time_that_a_client_set_validates_nothing()
    {
        var node = File with { ModifiedByClient = true };
        Assert.Equal(200, StatusOf(node, "If-Modified-Since", Same));
        Assert.False(Preconditions.RangeApplies(Request("If-Range", Same), node));
        Assert.True(Preconditions.RangeApplies(Request("If-Range", Tag), node));
    }

    [Fact]
    public void If_Range_wants_the_strong_tag_or_the_exact_date()
    {
        Assert.True(Preconditions.RangeApplies(Request(), File));
        Assert.True(Preconditions.RangeApplies(Request("If-Range", Tag), File));
        Assert.True(Preconditions.RangeApplies(Request("If-Range", Same), File));
        Assert.False(Preconditions.RangeApplies(Request("If-Range", "W/" + Tag), File));
        Assert.False(Preconditions.RangeApplies(Request("If-Range", "\"x\""), File));
        Assert.False(Preconditions.RangeApplies(Request("If-Range", Before), File));
        Assert.False(Preconditions.RangeApplies(Request("If-Range", "nonsense"), File));
    }
}
