using System.ComponentModel;
using Kosha.Storage.Webhooks;

namespace Kosha.Daemon.Api;

/// <summary>A webhook to be made.</summary>
public sealed record AddWebhook
{
    [Description("Of who calls, as it is now.")]
    public required string Password { get; init; }

    [Description("Of http or https, at most 2,048 bytes, with no user name and no '#'. Redirects are not followed, and "
        + "private addresses not called, unless the server's settings say so.")]
    public required string Url { get; init; }

    [Description("Such as file.created, or file.* for all of a kind.")]
    public required IReadOnlyList<string> Events { get; init; }

    [Description("For people, at most 120 letters.")]
    public string? Description { get; init; }
}

/// <summary>What is to change of a webhook; what is left out stays.</summary>
public sealed record ChangeWebhook
{
    [Description("Takes password.")]
    public string? Url { get; init; }

    public IReadOnlyList<string>? Events { get; init; }

    public string? Description { get; init; }

    [Description("false: it is told nothing that happens from here on, and what waits for it stays.")]
    public bool? Enabled { get; init; }

    [Description("Of who calls, as it is now: needed for another url.")]
    public string? Password { get; init; }
}

/// <summary>Who asks for a new secret.</summary>
public sealed record RotateWebhook
{
    [Description("Of who calls, as it is now.")]
    public required string Password { get; init; }
}

/// <summary>A secret of a webhook that was made just now.</summary>
public sealed record WebhookSecretAnswer
{
    public required long Id { get; init; }

    [Description("Shown this once: whsec_ and 32 random bytes as base64, the key of the signatures.")]
    public required string Secret { get; init; }

    [Description("So long the secret before signs, too. Left out: there was none.")]
    public DateTimeOffset? OldSecretUntil { get; init; }
}

/// <summary>A webhook without its secret.</summary>
public sealed record WebhookAnswer
{
    public required long Id { get; init; }

    public required string Url { get; init; }

    public required IReadOnlyList<string> Events { get; init; }

    public required string Description { get; init; }

    public required bool Enabled { get; init; }

    public required DateTimeOffset Created { get; init; }

    [Description("When it was switched off. Left out: it is on.")]
    public DateTimeOffset? Disabled { get; init; }

    [Description("Why Kosha switched it off: the receiver answered 410, or too many messages waited. Left out: "
        + "somebody did.")]
    public string? DisabledReason { get; init; }

    [Description("So long the secret before the last rotation signs, too.")]
    public DateTimeOffset? OldSecretUntil { get; init; }

    internal static WebhookAnswer Of(Webhook row) => new()
    {
        Id = row.Id, Url = row.Url, Events = row.Events, Description = row.Description,
        Enabled = row.DisabledAt is null, Created = row.CreatedAt, Disabled = row.DisabledAt,
        DisabledReason = row.DisabledReason, OldSecretUntil = row.OldSecretUntil,
    };
}

/// <summary>Webhooks.</summary>
/// <param name="Webhooks">The oldest first.</param>
public sealed record WebhookList(IReadOnlyList<WebhookAnswer> Webhooks);

/// <summary>A message to a webhook.</summary>
public sealed record WebhookMessageAnswer
{
    public required long Id { get; init; }

    [Description("The header webhook-id of the message.")]
    public required string MessageId { get; init; }

    [Description("The event, such as file.created.")]
    public required string Type { get; init; }

    [Description("The file or folder that it tells of.")]
    public long? NodeId { get; init; }

    [Description("pending, delivered, or dead: tried for days, and no more.")]
    public required MessageState State { get; init; }

    [Description("Since it was sent first, or again.")]
    public required int Attempts { get; init; }

    public required DateTimeOffset Created { get; init; }

    [Description("Of a pending one.")]
    public DateTimeOffset? NextAttempt { get; init; }

    [Description("When it was delivered or given up.")]
    public DateTimeOffset? Ended { get; init; }

    [Description("The status of the last answer; left out: none came.")]
    public int? LastStatus { get; init; }

    public string? LastError { get; init; }

    internal static WebhookMessageAnswer Of(WebhookMessage row) => new()
    {
        Id = row.Id, MessageId = $"msg_{row.MessageId:N}", Type = row.Type, NodeId = row.NodeId, State = row.State,
        Attempts = row.Attempts, Created = row.CreatedAt,
        NextAttempt = row.State == MessageState.Pending ? row.NextAttemptAt : null,
        Ended = row.EndedAt, LastStatus = row.LastStatus, LastError = row.LastError,
    };
}

/// <summary>A page of the messages of a webhook.</summary>
/// <param name="Deliveries">The newest first.</param>
/// <param name="Next">The cursor of the next page; left out: this is the last.</param>
public sealed record WebhookMessageList(IReadOnlyList<WebhookMessageAnswer> Deliveries, string? Next);

/// <summary>A message that waits to be sent.</summary>
/// <param name="Id">As in the list of deliveries.</param>
public sealed record WebhookTestAnswer(long Id);
