using System.ComponentModel;

namespace Kosha.Daemon.Api;

/// <summary>Who wants an account.</summary>
public sealed record Register
{
    [Description("1 to 80 letters, none of @ : / \\")]
    public required string Username { get; init; }

    [Description("By which one may sign in, too.")]
    public string? Email { get; init; }

    [Description("8 to 256 characters.")]
    public required string Password { get; init; }

    [Description("The secret of an invite, where one is needed.")]
    public string? Invite { get; init; }
}

/// <summary>An account that was made. Sign in next.</summary>
public sealed record RegisteredAnswer(string Username);

/// <summary>An invite to be made.</summary>
public sealed record AddInvite
{
    [Description("For whom, for the list.")]
    public string? Note { get; init; }

    [Description("The plan that the new user gets.")]
    public string? Plan { get; init; }

    [Description("How many days it is good, 1 to 365; 14 if it is left out.")]
    public int? Days { get; init; }
}

/// <summary>An invite without its secret.</summary>
public sealed record InviteAnswer
{
    public required long Id { get; init; }

    public required string Note { get; init; }

    public required string Plan { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required DateTimeOffset Expires { get; init; }
}

/// <summary>An invite that was made just now.</summary>
public sealed record NewInviteAnswer
{
    public required long Id { get; init; }

    [Description("Shown this once. Whoever has it may register, once.")]
    public required string Secret { get; init; }
}

/// <summary>Invites that are good.</summary>
/// <param name="Invites">The oldest first.</param>
public sealed record InviteList(IReadOnlyList<InviteAnswer> Invites);
