using System.ComponentModel;

namespace Kosha.Daemon.Api;

/// <summary>One's own account.</summary>
public sealed record AccountAnswer
{
    public required string Username { get; init; }

    public string? Email { get; init; }

    public required bool IsAdmin { get; init; }

    [Description("The name of the plan that limits the account.")]
    public required string Plan { get; init; }

    [Description("Signing in takes a code beside the password.")]
    public required bool TwoFactor { get; init; }

    public required DateTimeOffset Created { get; init; }
}

/// <summary>Who calls, once more: before what nobody does by accident, or with a stolen session.</summary>
public record Confirmation
{
    [Description("The caller's own, as it is now.")]
    public required string Password { get; init; }

    [Description("With two-factor sign-in: six digits of the authenticator, or a recovery code. Left out, the answer "
        + "to a right password is 403 two-factor-required. Passed over where that is off.")]
    public string? Code { get; init; }
}

/// <summary>A new password in place of the current one.</summary>
public sealed record ChangePassword : Confirmation
{
    [Description("8 to 256 characters.")]
    public required string New { get; init; }
}

/// <summary>What is to be changed of one's own account; what is left out stays.</summary>
public sealed record ChangeAccount : Confirmation
{
    [Description("By which one may sign in, too. Empty: none.")]
    public string? Email { get; init; }
}
