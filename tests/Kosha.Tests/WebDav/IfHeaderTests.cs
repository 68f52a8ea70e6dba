using Kosha.Storage.Tree;
using Kosha.WebDav;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Kosha.Tests.WebDav;

/// <summary>RFC 4918, 10.4.</summary>
public sealed class IfHeaderTests
{
    private const string A = "11111111-1111-1111-1111-111111111111";
    private const string B = "22222222-2222-2222-2222-222222222222";
    private const string Tag = "33333333333333333333333333333333";

    private static IfHeader Parse(string header) =>
        IfHeader.Parse(header, new HostString("host:8080"), publicUrl: null);

    [Fact]
    public void One_list_without_a_tag()
    {
        var list = Assert.Single(Parse($"(<opaquelocktoken:{A}>)").Lists);
        Assert.Null(list.Path);
        Assert.False(list.IsForeign);
        Assert.Equal([new StateTerm(Not: false, Guid.Parse(A), Etag: null)], list.Terms);
    }

    [Fact]
    public void The_example_of_section_10_4_6()
    {
        var header = Parse($"(<urn:uuid:{A}> [\"{Tag}\"]) ([\"{Tag}\"])");
        Assert.Equal([2, 1], header.Lists.Select(list => list.Terms.Count));
        Assert.Equal(Guid.Parse(Tag), header.Lists[0].Terms[1].Etag);
        Assert.Equal([Guid.Parse(A)], header.Tokens);
    }

    [Fact]
    public void A_token_after_Not_is_submitted_too()
    {
        var header = Parse($"(Not <urn:uuid:{A}> <urn:uuid:{B}>)");
        Assert.Equal([true, false], header.Lists[0].Terms.Select(term => term.Not));
        Assert.Equal([Guid.Parse(A), Guid.Parse(B)], header.Tokens.Order());
    }

    [Fact]
    public void No_lock_names_no_lock()
    {
        var terms = Parse($"(<urn:uuid:{A}>) (Not <DAV:no-lock>)").Lists[1].Terms;
        Assert.Equal([new StateTerm(Not: true, Token: null, Etag: null)], terms);
    }

    [Fact]
    public void Tags_hold_for_all_lists_up_to_the_next_tag()
    {
        var header = Parse($"<http://host:8080/dav/a%20b> (<urn:uuid:{A}>)([\"{Tag}\"]) </dav/c> ([W/\"{Tag}\"])");
        Assert.Equal(["/a b", "/a b", "/c"], header.Lists.Select(list => list.Path!.ToString()));
        Assert.Null(header.Lists[2].Terms[0].Etag);
    }

    [Theory]
    [InlineData("<http://elsewhere:8080/dav/a>")]
    [InlineData("<http://host:8080/other/a>")]
    [InlineData("<mailto:a>")]
    public void Resources_of_others_are_foreign(string tag) => Assert.True(Parse(tag + "([\"x\"])").Lists[0].IsForeign);

    [Theory]
    [InlineData("")]
    [InlineData("()")]
    [InlineData("(")]
    [InlineData("(<urn:uuid:x>")]
    [InlineData("(<urn:uuid:x)")]
    [InlineData("(<>)")]
    [InlineData("([\"x\")")]
    [InlineData("([x])")]
    [InlineData("([])")]
    [InlineData("(Not)")]
    [InlineData("<http://host:8080/dav/a>")]
    [InlineData("(<urn:uuid:x>) </dav/a> (<urn:uuid:x>)")]
    [InlineData("JoplinIgnore")]
    public void Breaches_of_the_grammar_are_400(string header) =>
        Assert.Equal(400, Assert.Throws<DavException>(() => Parse(header)).Status);

    [Fact]
    public void The_number_of_conditions_is_limited()
    {
        var most = string.Concat(Enumerable.Repeat("(<x:y>)", IfHeader.MaxTerms));
        Assert.Equal(IfHeader.MaxTerms, Parse(most).Lists.Count);
        Assert.Throws<DavException>(() => Parse(most + "(<x:y>)"));
    }
}
