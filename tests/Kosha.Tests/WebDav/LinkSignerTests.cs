using Kosha.WebDav.Links;
using Xunit;

namespace Kosha.Tests.WebDav;

public sealed class LinkSignerTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);
    private static readonly LinkToken Token =
        new("blobs/ab/cd/abcd", 12, new("text/plain", "attachment; filename=\"x\""), Now.AddSeconds(60));

    private readonly LinkSigner signer = new(new byte[32]);

    [Fact]
    public void A_token_says_what_was_signed()
    {
        Assert.Equal(Token, signer.Verify(signer.Sign(Token), Now));
        var shown = Token with { Content = new("image/png", null), ObjectKey = "", Size = 0 };
        Assert.Equal(shown, signer.Verify(signer.Sign(shown), Now));
    }

    [Fact]
    public void A_token_ends_with_its_time()
    {
        var text = signer.Sign(Token);
        Assert.NotNull(signer.Verify(text, Now.AddSeconds(59)));
        Assert.Null(signer.Verify(text, Now.AddSeconds(60)));
    }

    [Fact]
    public void Every_other_letter_spoils_it()
    {
        var text = signer.Sign(Token);
        for (var at = 0; at < text.Length; at++)
        {
            foreach (var letter in "AB-_z=./ ".Where(letter => letter != text[at]))
                Assert.Null(signer.Verify($"{text[..at]}{letter}{text[(at + 1)..]}", Now));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("A")]
    [InlineData("AAAA")]
    [InlineData("\u00E9")]
    public void What_is_no_token_is_none(string text) => Assert.Null(signer.Verify(text, Now));

    [Fact]
    public void A_token_that_is_cut_or_grown_or_of_another_key_is_none()
    {
        var text = signer.Sign(Token);
        Assert.Null(signer.Verify(text[..^4], Now));
        Assert.Null(signer.Verify(text + "AAAA", Now));
        Assert.Null(signer.Verify(new string('A', 100_000), Now));
        Assert.Null(new LinkSigner(Enumerable.Repeat((byte)1, 32).ToArray()).Verify(text, Now));
    }
}
