namespace Kosha.Daemon.Api;

/// <summary>What the document shows of accounts and credentials.</summary>
internal static class AccountExamples
{
    private const string Secret = "7KQ2M-4HXTR-9WPLD-C3N5V";
    private const string Password = "correct horse battery";

    private static readonly DateTimeOffset Created = new(2026, 11, 20, 8, 15, 0, TimeSpan.Zero);

    public static readonly AddAppPassword AddAppPassword =
        new() { Password = Password, Label = "picture frame", ReadOnly = true, FolderId = 17 };

    public static readonly NewAppPasswordAnswer NewAppPassword =
        new() { Id = 4, Label = AddAppPassword.Label, Secret = Secret };

    public static readonly AppPasswordList AppPasswords = new(
    [
        new()
        {
            Id = 4, Label = AddAppPassword.Label, ReadOnly = true, FolderId = 17, Folder = "/Pictures",
            Created = Created, LastUsed = Created.AddDays(1),
        },
    ]);

    public static readonly AccountAnswer Account = new()
    {
        Username = "ada", Email = "ada@example.org", IsAdmin = false, Plan = "default", TwoFactor = true,
        Created = Created,
    };

    public static readonly ChangeAccount ChangeAccount =
        new() { Password = Password, Code = "287082", Email = "ada@example.org" };

    public static readonly ChangePassword ChangePassword =
        new() { Password = Password, Code = "287082", New = "a longer one than that" };

    public static readonly Confirmation Confirmation = new() { Password = Password, Code = "287082" };

    public static readonly TwoFactorAnswer TwoFactor = new(
        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
        "otpauth://totp/Kosha:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Kosha&algorithm=SHA1&digits=6"
        + "&period=30");

    public static readonly ConfirmTwoFactor ConfirmTwoFactor = new() { Code = "287082" };

    public static readonly RecoveryCodeList RecoveryCodes = new([Secret, "N8XWB-2VQFY-6TKRM-HJ4PA"]);

    public static readonly Register Register = new() { Username = "ada", Password = Password, Invite = Secret };

    public static readonly RegisteredAnswer Registered = new(Register.Username);

    public static readonly IdentityEvent IdentityEvent = new()
    {
        Type = "user.created", Data = new() { Id = "user_29w83sxmDNGwOuEthce5gg56FcC", Email = "ada@example.org" },
    };

    public static readonly AddInvite AddInvite = new() { Note = "for Ada", Plan = "default", Days = 14 };

    public static readonly NewInviteAnswer NewInvite = new() { Id = 3, Secret = Secret };

    public static readonly InviteList Invites = new(
    [
        new() { Id = 3, Note = "for Ada", Plan = "default", Created = Created, Expires = Created.AddDays(14) },
    ]);

    public static readonly AddUser AddUser = new() { Username = "ada", Password = Password, Plan = "default" };

    public static readonly ChangeUser ChangeUser = new() { Password = "a new one of theirs", OwnPassword = Password };

    public static readonly UserAnswer User = new()
    {
        Id = 12, Username = "ada", IsAdmin = false, Plan = "default", UsedBytes = 81_920, UsedNodes = 3,
        Disabled = false, Deleting = false, Created = Created,
    };

    public static readonly UserList Users = new([User], Next: null);
}
