namespace Kosha.Storage.Audit;

/// <summary>Every action that the audit log tells of.</summary>
public static class AuditActions
{
    // Signing in

    /// <summary>By a password, over the web or Basic; refused: it was wrong.</summary>
    public const string SignIn = "sign-in";

    public const string SignOut = "sign-out";

    /// <summary>Other sessions of the same user.</summary>
    public const string SessionsEnd = "sessions-end";

    /// <summary>Refused without a look at it, because a limit was reached; the subject says which.</summary>
    public const string Limit = "limit";

    // One's own account

    public const string Register = "register";

    public const string PasswordChange = "password-change";

    public const string EmailChange = "email-change";

    public const string TwoFactorOn = "two-factor-on";

    public const string TwoFactorOff = "two-factor-off";

    public const string RecoveryCodes = "recovery-codes";

    public const string AppPasswordAdd = "app-password-add";

    public const string AppPasswordRevoke = "app-password-revoke";

    public const string AccountDelete = "account-delete";

    // Files

    /// <summary>It went to the trash.</summary>
    public const string Trash = "trash";

    /// <summary>It went to the trash because something else took its place.</summary>
    public const string Replace = "replace";

    public const string Restore = "restore";

    /// <summary>Out of the trash, for good.</summary>
    public const string Purge = "purge";

    public const string TrashEmpty = "trash-empty";

    public const string VersionRestore = "version-restore";

    public const string VersionDelete = "version-delete";

    // Share links

    public const string ShareAdd = "share-add";

    public const string ShareChange = "share-change";

    public const string ShareRevoke = "share-revoke";

    /// <summary>Downloads and uploads of a visitor; of one address some are told together.</summary>
    public const string ShareUse = "share-use";

    /// <summary>A token of no link, or a wrong password of one.</summary>
    public const string ShareRefused = "share-refused";

    // Administration

    public const string UserAdd = "user-add";

    public const string UserChange = "user-change";

    public const string UserDelete = "user-delete";

    public const string PlanAdd = "plan-add";

    public const string PlanChange = "plan-change";

    public const string PlanDelete = "plan-delete";

    public const string InviteAdd = "invite-add";

    public const string InviteRevoke = "invite-revoke";

    // Webhooks

    public const string WebhookAdd = "webhook-add";

    /// <summary>Also a new secret, and a switch off or on; the detail says what.</summary>
    public const string WebhookChange = "webhook-change";

    public const string WebhookRemove = "webhook-remove";

    // The identity provider

    public const string IdentityUserCreated = "identity-user-created";

    public const string IdentityUserDeleted = "identity-user-deleted";

    /// <summary>A message of the provider, or of somebody who is not it.</summary>
    public const string IdentityRefused = "identity-refused";

    // Jobs

    /// <summary>By hand; what runs by its schedule stands in the history of jobs.</summary>
    public const string JobRun = "job-run";

    public const string JobPause = "job-pause";

    public const string JobResume = "job-resume";
}
