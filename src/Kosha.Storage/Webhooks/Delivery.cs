using System.Diagnostics.CodeAnalysis;

namespace Kosha.Storage.Webhooks;

/// <summary>A webhook of which something is due.</summary>
/// <param name="WebhookId">The webhook.</param>
/// <param name="UnderWay">Messages to it that somebody sends now.</param>
public sealed record DueWebhook(long WebhookId, int UnderWay);

/// <summary>A message to one webhook, claimed by whoever sends it now.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
public sealed record Delivery
{
    public long Id { get; init; }

    public long WebhookId { get; init; }

    /// <summary>The same at every attempt.</summary>
    public Guid MessageId { get; init; }

    /// <summary>JSON, sent as it is.</summary>
    public string Payload { get; init; } = "";

    /// <summary>Those before this one.</summary>
    public int Attempts { get; init; }

    /// <summary>By this the claim is told from a later one.</summary>
    public DateTime ClaimedUntil { get; init; }

    public string Url { get; init; } = "";

    /// <summary>Protected.</summary>
    public string Secret { get; init; } = "";

    /// <summary>Protected; null: there is none that still signs.</summary>
    public string? OldSecret { get; init; }
}

/// <summary>Messages by what has become of them.</summary>
public sealed record OutboxCounts(long Pending, long Dead);

/// <summary>What a clean-up removed.</summary>
/// <param name="Messages">To webhooks: delivered, dead, or to ones that have been switched off for long.</param>
/// <param name="Received">Marks of messages of the identity provider.</param>
public sealed record OutboxCleanUp(long Messages, long Received);
