using Kosha.WebDav;
using Xunit;

namespace Kosha.Tests.WebDav;

public sealed class EntityTagsTests
{
    private static readonly Guid One = Guid.Parse("11111111111111111111111111111111");
    private static readonly Guid Two = Guid.Parse("22222222222222222222222222222222");

    private static readonly string Both = $"{EntityTags.Format(One)}, W/{EntityTags.Format(Two)}";

    [Fact]
    public void A_tag_is_quoted_and_has_32_digits() =>
        Assert.Equal("\"11111111111111111111111111111111\"", EntityTags.Format(One));

    [Fact]
    public void Weak_tags_match_only_where_comparison_is_weak()
    {
        Assert.Equal([One, Two], EntityTags.Read(Both, weakMatches: true)!.Tags);
        Assert.Equal([One], EntityTags.Read(Both, weakMatches: false)!.Tags);
    }

    [Fact]
    public void A_star_means_any() => Assert.True(EntityTags.Read(" * ", weakMatches: false)!.Any);

    [Theory]
    [InlineData("\"of another server\"")]
    [InlineData("\"\"")]
    [InlineData("\"a, b\" , \"c\"")]
    public void Foreign_tags_match_nothing_but_are_a_condition(string header)
    {
        var condition = EntityTags.Read(header, weakMatches: true)!;
        Assert.False(condition.Any);
        Assert.Empty(condition.Tags);
    }

    [Theory]
    [InlineData("JoplinIgnore-1234")]
    [InlineData("\"open")]
    [InlineData("\"a\"b")]
    [InlineData("w/\"a\"")]
    [InlineData("*, \"a\"")]
    [InlineData("")]
    [InlineData(" , ")]
    public void Malformed_headers_count_as_none(string header) =>
        Assert.Null(EntityTags.Read(header, weakMatches: true));

    [Fact]
    public void If_Range_needs_one_strong_tag()
    {
        Assert.Equal(One, EntityTags.ReadStrong(EntityTags.Format(One)));
        Assert.Null(EntityTags.ReadStrong("W/" + EntityTags.Format(One)));
        Assert.Null(EntityTags.ReadStrong(Both));
        Assert.Null(EntityTags.ReadStrong("Sun, 06 Nov 1994 08:49:37 GMT"));
    }
}
