using System.Text;
using Kosha.Storage;
using Kosha.Storage.Tree;
using Xunit;

namespace Kosha.Tests.Storage.Tree;

public sealed class NodePathTests
{
    private static NodePath Read(string encoded) => NodePath.FromEncoded(encoded);

    private static void AssertInvalid(Action read) =>
        Assert.Equal(StorageFault.InvalidName, Assert.Throws<StorageException>(read).Fault);

    [Theory]
    [InlineData("", "/")]
    [InlineData("/", "/")]
    [InlineData("//", "/")]
    [InlineData("/a/b", "/a/b")]
    [InlineData("a/b/", "/a/b")]
    [InlineData("//a///b//", "/a/b")]
    [InlineData("/a%20b", "/a b")]
    [InlineData("/a+b", "/a+b")]
    [InlineData("/100%25", "/100%")]
    [InlineData("/%2541", "/%41")]
    [InlineData("/%C3%a4", "/ä")]
    [InlineData("/%F0%9F%98%80", "/😀")]
    [InlineData("/...", "/...")]
    [InlineData("/%23%3F%26%22%27", "/#?&\"'")]
    public void Segments_are_decoded_once(string encoded, string plain) =>
        Assert.Equal(plain, Read(encoded).ToString());

    [Theory]
    [InlineData("/a%2Fb")]
    [InlineData("/a%2fb")]
    [InlineData("/a%5Cb")]
    [InlineData("/a\\b")]
    [InlineData("/.")]
    [InlineData("/a/..")]
    [InlineData("/a/%2e%2E/b")]
    [InlineData("/%2e")]
    [InlineData("/a%00")]
    [InlineData("/a%0A")]
    [InlineData("/a%7F")]
    [InlineData("/%C2%85")]
    [InlineData("/%")]
    [InlineData("/a%4")]
    [InlineData("/%4x")]
    [InlineData("/%+1")]
    [InlineData("/ä")]
    public void What_is_no_name_is_refused(string encoded) => AssertInvalid(() => Read(encoded));

    [Theory]
    [InlineData("/%FF")]
    [InlineData("/%C3")]
    [InlineData("/%C0%AF")]
    [InlineData("/%ED%A0%80")]
    [InlineData("/%F4%90%80%80")]
    public void Invalid_utf8_is_refused(string encoded) => AssertInvalid(() => Read(encoded));

    [Fact]
    public void A_lone_surrogate_is_refused() => AssertInvalid(() => NodePath.FromNames(["a\ud800"]));

    [Fact]
    public void Names_become_nfc()
    {
        Assert.Equal("ä", Read("/a%CC%88").Name);
        Assert.Equal(Read("/%C3%A4"), Read("/a%CC%88"));
        Assert.Equal("각", NodePath.FromNames(["각".Normalize(NormalizationForm.FormD)]).Name);
    }

    [Theory]
    [InlineData("a", 255)]
    [InlineData("ä", 127)]
    [InlineData("각", 85)]
    [InlineData("😀", 63)]
    public void A_name_has_255_bytes_at_most(string letter, int fits)
    {
        var longest = string.Concat(Enumerable.Repeat(letter, fits));
        Assert.Equal(longest, Read(Uri.EscapeDataString(longest)).Name);
        Assert.Equal(longest, Read(Uri.EscapeDataString(longest.Normalize(NormalizationForm.FormD))).Name);
        AssertInvalid(() => Read(Uri.EscapeDataString(longest + letter)));
    }

    [Fact]
    public void A_segment_of_any_length_is_refused_in_words()
    {
        AssertInvalid(() => Read(new string('a', 1_000_000)));
        AssertInvalid(() => Read(string.Concat(Enumerable.Repeat("%41", 100_000))));
    }

    [Fact]
    public void A_path_has_256_levels_at_most()
    {
        var deepest = string.Concat(Enumerable.Repeat("/a", NodePath.MaxDepth));
        Assert.Equal(NodePath.MaxDepth, Read(deepest).Depth);
        AssertInvalid(() => Read(deepest + "/a"));
    }

    [Theory]
    [InlineData("README", "readme")]
    [InlineData("Straße", "STRAßE")]
    [InlineData("ÄÖ", "äö")]
    [InlineData("Σίσυφος", "ΣΊΣΥΦΟΣ")]
    public void Folding_forgets_case_alone(string one, string other) =>
        Assert.Equal(NodePath.Fold(one), NodePath.Fold(other));

    [Fact]
    public void Paths_compare_by_their_names_with_case()
    {
        Assert.Equal(Read("/a/b"), NodePath.FromNames(["a", "b"]));
        Assert.NotEqual(Read("/a/b"), Read("/a/B"));
        Assert.Equal(Read("/a/b").GetHashCode(), Read("a//b/").GetHashCode());
        Assert.True(Read("/a").Contains(Read("/a/b")));
        Assert.True(Read("/a").Contains(Read("/a")));
        Assert.True(NodePath.Root.Contains(Read("/a")));
        Assert.False(Read("/a").Contains(Read("/ab")));
        Assert.False(Read("/a/b").Contains(Read("/a")));
        Assert.Equal(Read("/a"), Read("/a/b").Parent);
        Assert.Throws<InvalidOperationException>(() => NodePath.Root.Parent);
    }
}
