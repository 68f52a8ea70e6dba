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

/// <summary>A new password in place of the current one.</summary>
public sealed record ChangePassword
{
    public required string Current { get; init; }

    [Description("8 to 256 characters.")]
    public required string New { get; init; }
}

/// <summary>What is to be changed of one's own account; what is left out stays.</summary>
public sealed record ChangeAccount
{
    [Description("By which one may sign in, too. Empty: none.")]
    public string? Email { get; init; }
}

/// <summary>What nobody does by accident, or with a stolen session.</summary>
public sealed record ConfirmByPassword
{
    [Description("The account's own.")]
    public required string Password { get; init; }
}
