namespace Kosha.Storage.Webhooks;

/// <summary>The events that webhooks can ask for, by name or with a kind's '.*'.</summary>
public static class WebhookEvents
{
    public const string FileCreated = "file.created";
    public const string FileUpdated = "file.updated";
    public const string FileMoved = "file.moved";
    public const string FileTrashed = "file.trashed";
    public const string FileRestored = "file.restored";
    public const string FileDeleted = "file.deleted";
    public const string ShareCreated = "share.created";
    public const string ShareChanged = "share.changed";
    public const string ShareRevoked = "share.revoked";
    public const string ShareUsed = "share.used";
    public const string UserCreated = "user.created";
    public const string UserDeleted = "user.deleted";

    /// <summary>Only of who asks for it; no webhook has to.</summary>
    public const string Test = "webhook.test";

    public static IReadOnlyList<string> All { get; } =
    [
        FileCreated, FileUpdated, FileMoved, FileTrashed, FileRestored, FileDeleted,
        ShareCreated, ShareChanged, ShareRevoked, ShareUsed, UserCreated, UserDeleted,
    ];

    private static IEnumerable<string> Kinds => All.Select(name => name.Split('.')[0] + ".*").Distinct();

    /// <summary>What a webhook may ask for. Of users only the whole installation's is told.</summary>
    public static IReadOnlyList<string> For(bool wholeInstallation) =>
        [.. All.Concat(Kinds).Where(name => wholeInstallation || !name.StartsWith("user.", StringComparison.Ordinal))];
}

/// <summary>Something that happened, for whoever asked to be told.</summary>
/// <param name="Type">One of <see cref="WebhookEvents"/>.</param>
/// <param name="UserId">Whose it is.</param>
/// <param name="NodeId">Events of one node arrive in order; null: it concerns none.</param>
/// <param name="Data">The payload's <c>data</c>, as JSON. Never a secret.</param>
public sealed record WebhookEvent(string Type, long UserId, long? NodeId, object Data);
