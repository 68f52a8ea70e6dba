using Kosha.Storage;
using Kosha.Storage.Tree;
using Xunit;

namespace Kosha.Tests.Storage.Tree;

public sealed class NodePathTests
{
    [Theory]
    [InlineData("", "/")]
    [InlineData("/", "/")]
    [InlineData("a/b", "/a/b")]
    [InlineData("/a//b/", "/a/b")]
    [InlineData("a%20b+c", "/a b+c")]
    [InlineData("%2541", "/%41")]
    [InlineData("%C3%BC", "/ü")]
    [InlineData("u%CC%88", "/ü")]
    [InlineData("%3C%3E:%22%7C%3F*", "/<>:\"|?*")]
    public void Encoded_paths_are_decoded_once_and_normalised(string encoded, string expected) =>
        Assert.Equal(expected, NodePath.FromEncoded(encoded).ToString());

    [Theory]
    [InlineData("a%2Fb")]
    [InlineData("a%5Cb")]
    [InlineData("a%00b")]
    [InlineData("a%0Ab")]
    [InlineData(".")]
    [InlineData("a/../b")]
    [InlineData("%2E%2E")]
    [InlineData("100%")]
    [InlineData("%4")]
    [InlineData("%GG")]
    [InlineData("%FF")]
    [InlineData("%C0%AF")]
    [InlineData("%ED%A0%80")]
    [InlineData("ü")]
    public void What_cannot_be_a_name_is_refused(string encoded)
    {
        var refusal = Assert.Throws<StorageException>(() => NodePath.FromEncoded(encoded));
        Assert.Equal(StorageFault.InvalidName, refusal.Fault);
    }

    [Fact]
    public void Names_and_depth_have_limits()
    {
        Assert.Equal(1, NodePath.FromEncoded(new string('x', 255)).Depth);
        Assert.Throws<StorageException>(() => NodePath.FromEncoded(new string('x', 256)));
        Assert.Throws<StorageException>(() => NodePath.FromEncoded(new string('x', 100_000)));
        Assert.Equal(255, System.Text.Encoding.UTF8.GetByteCount(NodePath.FromNames([Umlauts(127) + "x"]).Name));
        Assert.Throws<StorageException>(() => NodePath.FromNames([Umlauts(128)]));
        Assert.Equal(256, NodePath.FromNames(Enumerable.Repeat("a", 256)).Depth);
        Assert.Throws<StorageException>(() => NodePath.FromNames(Enumerable.Repeat("a", 257)));
    }

    // Decomposed it has three bytes a letter, composed two: the composed form counts.
    private static string Umlauts(int count) => string.Concat(Enumerable.Repeat("u\u0308", count));

    [Fact]
    public void Paths_know_what_lies_below_them()
    {
        var folder = NodePath.FromNames(["a", "b"]);
        Assert.True(folder.Contains(folder));
        Assert.True(folder.Contains(folder.Append("c")));
        Assert.True(NodePath.Root.Contains(folder));
        Assert.False(folder.Contains(folder.Parent));
        Assert.False(folder.Contains(NodePath.FromNames(["a", "bc"])));
        Assert.Equal(folder, folder.Append("c").Parent);
        Assert.Equal(folder.GetHashCode(), NodePath.FromEncoded("a/b").GetHashCode());
        Assert.NotEqual(folder, NodePath.FromEncoded("a/B"));
    }
}
