using Kosha.Storage.Accounts;

namespace Kosha.Storage.Audit;

/// <summary>One thing that somebody did, or was refused. Nothing of it is ever a secret.</summary>
/// <param name="Action">One of <see cref="AuditActions"/>.</param>
/// <param name="Caller">Who; null: a command, the system itself, or nobody that Kosha knows.</param>
public sealed record AuditEntry(string Action, Caller? Caller = null)
{
    /// <summary>Whom it concerns if that is not the caller, or who tried, where no caller is.</summary>
    public long? UserId { get; init; }

    public long? NodeId { get; init; }

    /// <summary>What it concerned, for people: a path, a name, a job, a URL's host.</summary>
    public string? Subject { get; init; }

    /// <summary>More, for people.</summary>
    public string? Detail { get; init; }

    /// <summary>The client's; null: that of the caller.</summary>
    public string? Address { get; init; }

    /// <summary>It was not done. Equal ones of a minute become one entry that counts them.</summary>
    public bool IsRefused { get; init; }

    /// <summary>By a command on the machine, as whoever administers that.</summary>
    public bool IsCommand { get; init; }
}
