using Kosha.WebDav;
using Xunit;

namespace Kosha.Tests.WebDav;

/// <summary>RFC 9110, 14.</summary>
public sealed class ByteRangesTests
{
    [Theory]
    [InlineData("bytes=0-0", "0+1")]
    [InlineData("bytes=2-", "2+8")]
    [InlineData("bytes=-3", "7+3")]
    [InlineData("bytes=-30", "0+10")]
    [InlineData("bytes=5-99999999999999999999999", "5+5")]
    [InlineData("Bytes = 1-2 , 4-5", "1+2 4+2")]
    [InlineData("bytes=6-7,0-1", "6+2 0+2")]
    [InlineData("bytes=0-1,2-3", "0+2 2+2")]
    [InlineData("bytes=0-4,3-6,20-", "0+7")]
    [InlineData("bytes=0-,-5", "0+10")]
    [InlineData("bytes=10-", "")]
    [InlineData("bytes=-0", "")]
    public void Ranges_of_ten_bytes(string header, string expected)
    {
        var found = ByteRanges.Parse(header, 10)!;
        Assert.Equal(expected, string.Join(' ', found.Select(range => $"{range.Offset}+{range.Length}")));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("bytes")]
    [InlineData("bytes=")]
    [InlineData("bytes=,")]
    [InlineData("bytes=-")]
    [InlineData("bytes=a-b")]
    [InlineData("bytes=1")]
    [InlineData("bytes=5-4")]
    [InlineData("bytes=1-2,x")]
    [InlineData("bytes=+1-2")]
    [InlineData("lines=1-2")]
    public void What_is_malformed_or_unknown_counts_as_no_header(string? header) =>
        Assert.Null(ByteRanges.Parse(header, 10));

    [Fact]
    public void Too_many_ranges_are_answered_with_the_whole_file()
    {
        static string Header(int count) =>
            "bytes=" + string.Join(',', Enumerable.Range(0, count).Select(i => $"{2 * i}-{2 * i}"));
        Assert.Equal(ByteRanges.MaxRanges, ByteRanges.Parse(Header(ByteRanges.MaxRanges), 1000)!.Count);
        Assert.Null(ByteRanges.Parse(Header(ByteRanges.MaxRanges + 1), 1000));
    }

    [Fact]
    public void Nothing_of_an_empty_file_can_be_had() => Assert.Empty(ByteRanges.Parse("bytes=0-", 0)!);
}
