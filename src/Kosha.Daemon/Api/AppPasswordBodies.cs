using System.ComponentModel;

namespace Kosha.Daemon.Api;

/// <summary>An app password to be made.</summary>
public sealed record AddAppPassword
{
    [Description("The account's own, as it is now.")]
    public required string Password { get; init; }

    [Description("What it is for, such as 'laptop': 1 to 80 letters, unique among one's own.")]
    public required string Label { get; init; }

    [Description("It reads, and changes nothing.")]
    public bool ReadOnly { get; init; }

    [Description("The folder that is / for it, and beyond which it reaches nothing. It ends with that folder. Left "
        + "out: all files.")]
    public long? FolderId { get; init; }

    [Description("Whether this device may be sent to S3 for bytes: off, known-clients or always. Left out: as the "
        + "server's setting says.")]
    public string? Redirect { get; init; }
}

/// <summary>An app password without its secret.</summary>
public sealed record AppPasswordAnswer
{
    public required long Id { get; init; }

    public required string Label { get; init; }

    public required bool ReadOnly { get; init; }

    [Description("Left out: it reaches all files.")]
    public long? FolderId { get; init; }

    [Description("Where that folder stands now. Left out while it is in the trash: the app password works not then.")]
    public string? Folder { get; init; }

    public string? Redirect { get; init; }

    public required DateTimeOffset Created { get; init; }

    [Description("To about a minute; left out if it was never used.")]
    public DateTimeOffset? LastUsed { get; init; }
}

/// <summary>An app password that was made just now.</summary>
public sealed record NewAppPasswordAnswer
{
    public required long Id { get; init; }

    public required string Label { get; init; }

    [Description("Shown this once: 20 letters and digits in groups of five. The username goes with it.")]
    public required string Secret { get; init; }
}

/// <summary>One's own app passwords.</summary>
/// <param name="AppPasswords">The oldest first.</param>
public sealed record AppPasswordList(IReadOnlyList<AppPasswordAnswer> AppPasswords);
