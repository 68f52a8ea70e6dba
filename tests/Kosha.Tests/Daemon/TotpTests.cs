using System.Text;
using Kosha.Daemon.Auth;
using Xunit;

namespace Kosha.Tests.Daemon;

/// <summary>RFC 6238, of which the examples have eight digits: ours are the last six.</summary>
public sealed class TotpTests
{
    private static readonly byte[] Seed = Encoding.ASCII.GetBytes("12345678901234567890");

    [Theory]
    [InlineData(59, "287082")]
    [InlineData(1111111109, "081804")]
    [InlineData(1111111111, "050471")]
    [InlineData(1234567890, "005924")]
    [InlineData(2000000000, "279037")]
    [InlineData(20000000000, "353130")]
    public void The_examples_of_the_standard_come_out(long seconds, string code)
    {
        var time = DateTimeOffset.FromUnixTimeSeconds(seconds);
        Assert.Equal(code, Totp.CodeOf(Seed, Totp.StepAt(time)));
        Assert.Equal(Totp.StepAt(time), Totp.FindStep(Seed, code, time));
        Assert.Equal(Totp.StepAt(time), Totp.FindStep(Seed, $"{code[..3]} {code[3..]}", time.AddSeconds(30)));
        Assert.Equal(Totp.StepAt(time), Totp.FindStep(Seed, code, time.AddSeconds(-30)));
        Assert.Null(Totp.FindStep(Seed, code, time.AddSeconds(90)));
        Assert.Null(Totp.FindStep(Seed, code, time.AddSeconds(-90)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("28708")]
    [InlineData("2870822")]
    [InlineData("28708a")]
    [InlineData("٢٨٧٠٨٢")]
    public void What_is_not_six_digits_is_no_code(string text) =>
        Assert.Null(Totp.FindStep(Seed, text, DateTimeOffset.FromUnixTimeSeconds(59)));

    [Fact]
    public void An_authenticator_reads_the_seed()
    {
        Assert.Equal("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", Totp.ToText(Seed));
        Assert.Equal(
            "otpauth://totp/Kosha:a%20b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Kosha&algorithm=SHA1"
            + "&digits=6&period=30", Totp.UriOf(Seed, "a b"));
    }
}
