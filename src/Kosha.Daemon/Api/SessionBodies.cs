using System.ComponentModel;

namespace Kosha.Daemon.Api;

/// <summary>What a browser says to sign in.</summary>
public sealed record BeginSession
{
    [Description("Username or email.")]
    public required string Username { get; init; }

    [Description("The account's own; an app password is not taken here.")]
    public required string Password { get; init; }

    [Description("With two-factor sign-in: six digits of the authenticator, or a recovery code. Left out, the answer "
        + "to a right password is 401 two-factor-required.")]
    public string? Code { get; init; }

    [Description("Stay signed in when the browser is closed, for 30 days after the last use.")]
    public bool Remember { get; init; }
}

/// <summary>Who is signed in.</summary>
public sealed record SignedInAnswer
{
    public required string Username { get; init; }

    public string? Email { get; init; }

    public required bool IsAdmin { get; init; }

    [Description("The session that was used; left out by Basic.")]
    public long? SessionId { get; init; }
}

/// <summary>A browser that is signed in.</summary>
public sealed record SessionAnswer
{
    public required long Id { get; init; }

    [Description("The one that asks.")]
    public required bool IsCurrent { get; init; }

    [Description("False: it ends with the browser.")]
    public required bool IsRemembered { get; init; }

    [Description("What the browser calls itself.")]
    public string? UserAgent { get; init; }

    public required DateTimeOffset Created { get; init; }

    [Description("To about a minute.")]
    public required DateTimeOffset LastUsed { get; init; }

    [Description("Unless it is used before.")]
    public required DateTimeOffset Expires { get; init; }
}

/// <summary>One's own sessions.</summary>
/// <param name="Sessions">The last used first.</param>
public sealed record SessionList(IReadOnlyList<SessionAnswer> Sessions);
