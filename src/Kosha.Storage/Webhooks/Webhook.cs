using System.Diagnostics.CodeAnalysis;
using Dapper;
using Kosha.Storage.Accounts;

namespace Kosha.Storage.Webhooks;

/// <summary>Whose webhooks are meant.</summary>
/// <param name="Caller">Who asks.</param>
/// <param name="IsOfAll">Those of the whole installation, which administrators have together; else the caller's own.
/// </param>
public sealed record WebhookScope(Caller Caller, bool IsOfAll)
{
    internal DynamicParameters With(object more)
    {
        var all = Caller.With(more);
        all.AddDynamicParams(new { ownerId = IsOfAll ? null : (long?)Caller.UserId });
        return all;
    }
}

/// <summary>A webhook without its secrets. Times are UTC.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
[SuppressMessage("Performance", "CA1819", Justification = "What a column holds.")]
public sealed record Webhook
{
    public long Id { get; init; }

    public string Url { get; init; } = "";

    public string Description { get; init; } = "";

    /// <summary>See <see cref="NewWebhook"/>.</summary>
    public string[] Events { get; init; } = [];

    public DateTime CreatedAt { get; init; }

    /// <summary>Null: it is told what happens.</summary>
    public DateTime? DisabledAt { get; init; }

    /// <summary>For people; null: its owner switched it off.</summary>
    public string? DisabledReason { get; init; }

    /// <summary>So long the secret before the last rotation signs, too; null: it signs no more.</summary>
    public DateTime? OldSecretUntil { get; init; }
}

/// <summary>A webhook to be made.</summary>
/// <param name="Url">An absolute URL of http or https.</param>
/// <param name="Events">Of <see cref="WebhookEvents.All"/>, or a kind with '.*'.</param>
/// <param name="Secret">Protected, so that a dump of the database signs nothing.</param>
public sealed record NewWebhook(string Url, IReadOnlyList<string> Events, string Secret)
{
    public string Description { get; init; } = "";
}

/// <summary>What is to change of a webhook; what is null stays.</summary>
public sealed record WebhookChange
{
    public string? Url { get; init; }

    public IReadOnlyList<string>? Events { get; init; }

    public string? Description { get; init; }

    public bool? IsEnabled { get; init; }
}

/// <summary>What has become of a message to a webhook.</summary>
public enum MessageState
{
    /// <summary>It waits for its first attempt, or for the next one.</summary>
    Pending,

    Delivered,

    /// <summary>It was tried for days, and is tried no more.</summary>
    Dead,
}

/// <summary>A message to a webhook, for its owner. Times are UTC.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
public sealed record WebhookMessage
{
    public long Id { get; init; }

    /// <summary>What the receiver knows it by.</summary>
    public Guid MessageId { get; init; }

    public string Type { get; init; } = "";

    public long? NodeId { get; init; }

    public MessageState State { get; init; }

    public int Attempts { get; init; }

    public DateTime CreatedAt { get; init; }

    public DateTime NextAttemptAt { get; init; }

    /// <summary>When it was delivered or given up.</summary>
    public DateTime? EndedAt { get; init; }

    /// <summary>Of the last answer; null: there was none.</summary>
    public int? LastStatus { get; init; }

    public string? LastError { get; init; }
}
