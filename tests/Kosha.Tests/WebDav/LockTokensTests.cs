using Kosha.WebDav;
using Xunit;

namespace Kosha.Tests.WebDav;

public sealed class LockTokensTests
{
    private static readonly Guid Token = Guid.Parse("11111111-2222-3333-4444-555555555555");

    [Fact]
    public void What_is_given_out_is_read_back() => Assert.Equal(Token, LockTokens.Read(LockTokens.Format(Token)));

    [Theory]
    [InlineData("<opaquelocktoken:11111111-2222-3333-4444-555555555555>")]
    [InlineData("opaquelocktoken:11111111-2222-3333-4444-555555555555")]
    [InlineData(" <urn:uuid:11111111-2222-3333-4444-555555555555> ")]
    [InlineData("<OpaqueLockToken:11111111-2222-3333-4444-555555555555>")]
    public void Both_schemes_with_and_without_brackets(string header) =>
        Assert.Equal(Token, LockTokens.ReadHeader(header));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("<>")]
    [InlineData("<DAV:no-lock>")]
    [InlineData("<opaquelocktoken:11111111-2222-3333-4444-555555555555x>")]
    [InlineData("11111111-2222-3333-4444-555555555555")]
    public void Others_are_not_ours(string? header) => Assert.Null(LockTokens.ReadHeader(header));
}
