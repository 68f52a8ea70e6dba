using System.Net;
using System.Text;
using Kosha.Daemon.Auth;
using Xunit;

namespace Kosha.Tests.Daemon;

/// <summary>How credentials look: app passwords, passwords, Authorization headers, addresses.</summary>
public sealed class CredentialFormTests
{
    [Fact]
    public void App_passwords_are_twenty_letters_of_an_alphabet_without_look_alikes()
    {
        Assert.Equal(32, AppPasswordSecret.Alphabet.Distinct().Count());
        Assert.DoesNotContain(AppPasswordSecret.Alphabet, "01OI".Contains);
        var many = Enumerable.Range(0, 1000).Select(_ => AppPasswordSecret.New()).ToHashSet();
        Assert.Equal(1000, many.Count);
        Assert.All(many, secret => Assert.Matches("^[2-9A-HJ-NP-Z]{5}(-[2-9A-HJ-NP-Z]{5}){3}$", secret));
        Assert.Equal(32, string.Concat(many).Replace("-", "", StringComparison.Ordinal).Distinct().Count());
    }

    [Fact]
    public void App_passwords_are_taken_in_any_case_with_or_without_dashes()
    {
        var secret = AppPasswordSecret.New();
        var hash = AppPasswordSecret.Hash(secret);
        Assert.NotNull(hash);
        Assert.Equal(hash, AppPasswordSecret.Hash(secret.ToLowerInvariant()));
        Assert.Equal(hash, AppPasswordSecret.Hash(secret.Replace("-", "", StringComparison.Ordinal)));
        Assert.Equal(hash, AppPasswordSecret.Hash(secret.Replace('-', ' ')));
        Assert.Null(AppPasswordSecret.Hash(secret[..^1]));
        Assert.Null(AppPasswordSecret.Hash(secret + "2"));
        Assert.Null(AppPasswordSecret.Hash("1" + secret[1..]));
        Assert.Null(AppPasswordSecret.Hash(""));
    }

    [Fact]
    public void Passwords_verify_in_either_normal_form_and_never_without_a_user()
    {
        var hash = Passwords.Hash("pa\u00dfw\u00f6rter");
        Assert.True(Passwords.Verify(hash, "pa\u00dfwo\u0308rter"));
        Assert.False(Passwords.Verify(hash, "passworter"));
        Assert.False(Passwords.Verify(hash: null, "pa\u00dfw\u00f6rter"));
    }

    [Theory]
    [InlineData("1234567", false)]
    [InlineData("12345678", true)]
    [InlineData("1234\t5678", false)]
    public void New_passwords_have_at_least_eight_characters(string password, bool isGood) =>
        Assert.Equal(isGood, Passwords.Problem(password) is null);

    private static BasicCredential? Parse(byte[] text) => BasicCredential.Parse(
        "Basic " + Convert.ToBase64String(text));

    [Fact]
    public void Headers_are_read_in_UTF8_else_in_Latin1()
    {
        Assert.Equal(new("j\u00f6", "p\u00e4:ss"), Parse("j\u00f6:p\u00e4:ss"u8.ToArray()));
        Assert.Equal(new("j\u00f6", "p\u00e4"), Parse(Encoding.Latin1.GetBytes("j\u00f6:p\u00e4")));
        Assert.Equal(new("jo", ""), Parse("jo:"u8.ToArray()));
    }

    [Fact]
    public void A_windows_domain_is_dropped() =>
        Assert.Equal(new("jo", @"a\b"), Parse(@"DESKTOP-1\jo:a\b"u8.ToArray()));

    [Theory]
    [InlineData(null)]
    [InlineData("Bearer abc")]
    [InlineData("Basic")]
    [InlineData("Basic ???")]
    [InlineData("Basic am8=")]
    [InlineData("Basic agA6cA==")]
    [InlineData("Basic au+/vjpw")]
    public void Other_headers_are_no_credential(string? header) => Assert.Null(BasicCredential.Parse(header));

    [Fact]
    public void A_header_of_any_size_is_no_danger() =>
        Assert.Null(BasicCredential.Parse("Basic " + new string('A', 1_000_000)));

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1")]
    [InlineData("::ffff:192.0.2.1", "192.0.2.1")]
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64")]
    public void Addresses_of_one_client_have_one_name(string address, string name) =>
        Assert.Equal(name, ClientAddress.Of(IPAddress.Parse(address)));
}
