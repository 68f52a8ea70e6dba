using System.ComponentModel;

namespace Kosha.Daemon.Api;

/// <summary>A user, for administrators.</summary>
public sealed record UserAnswer
{
    public required long Id { get; init; }

    public required string Username { get; init; }

    public string? Email { get; init; }

    public required bool IsAdmin { get; init; }

    [Description("The name of the plan that limits the account.")]
    public required string Plan { get; init; }

    [Description("Of files, trash included.")]
    public required long UsedBytes { get; init; }

    [Description("Files and folders, trash included.")]
    public required long UsedNodes { get; init; }

    public required bool Disabled { get; init; }

    [Description("Its files are being removed; the name is free when it is no longer listed.")]
    public required bool Deleting { get; init; }

    public required DateTimeOffset Created { get; init; }
}

/// <summary>A user to be made.</summary>
public sealed record AddUser
{
    [Description("1 to 80 letters, none of @ : / \\")]
    public required string Username { get; init; }

    [Description("8 to 256 characters.")]
    public required string Password { get; init; }

    [Description("By which the user may sign in, too.")]
    public string? Email { get; init; }

    [Description("default, if it is left out.")]
    public string? Plan { get; init; }

    [Description("Takes ownPassword.")]
    public bool IsAdmin { get; init; }

    [Description("Of who calls, as it is now: needed to make an administrator.")]
    public string? OwnPassword { get; init; }

    [Description("Of who calls, where two-factor sign-in is on: needed beside ownPassword.")]
    public string? OwnCode { get; init; }
}

/// <summary>What is to be changed of a user; what is left out stays.</summary>
public sealed record ChangeUser
{
    [Description("The name of a plan.")]
    public string? Plan { get; init; }

    [Description("True takes ownPassword.")]
    public bool? IsAdmin { get; init; }

    [Description("A disabled user signs in nowhere; the files stay.")]
    public bool? Disabled { get; init; }

    [Description("A new password, 8 to 256 characters; takes ownPassword. The old one, and all sessions, end at once.")]
    public string? Password { get; init; }

    [Description("Of who calls, as it is now: needed to set a password, or to make an administrator.")]
    public string? OwnPassword { get; init; }

    [Description("Of who calls, where two-factor sign-in is on: needed beside ownPassword.")]
    public string? OwnCode { get; init; }
}

/// <summary>A page of users.</summary>
/// <param name="Users">The oldest first.</param>
/// <param name="Next">The cursor of the next page; left out: this is the last.</param>
public sealed record UserList(IReadOnlyList<UserAnswer> Users, string? Next);
