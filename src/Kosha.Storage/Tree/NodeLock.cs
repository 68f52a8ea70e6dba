using System.Diagnostics.CodeAnalysis;

namespace Kosha.Storage.Tree;

/// <summary>One row of <c>locks</c>: a write lock (RFC 4918, 7), not expired when it was read.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
public sealed record NodeLock
{
    public Guid Token { get; init; }

    public long NodeId { get; init; }

    public bool IsExclusive { get; init; }

    /// <summary>Depth infinity: also holds for everything below.</summary>
    public bool IsDeep { get; init; }

    /// <summary>The DAV:owner element, as XML that stands alone; null if the client sent none.</summary>
    public string? Owner { get; init; }

    public int TimeoutSeconds { get; init; }

    public DateTime ExpiresAt { get; init; }

    /// <summary>Where the locked node stands (RFC 4918, 14.12 lockroot).</summary>
    public NodePath Root { get; init; } = NodePath.Root;
}

/// <summary>What a LOCK request asks for.</summary>
/// <param name="IsExclusive">False: shared.</param>
/// <param name="IsDeep">Depth infinity.</param>
/// <param name="Owner">The DAV:owner element as XML, at most <see cref="LockTable.MaxOwnerLength"/> letters.</param>
/// <param name="TimeoutSeconds">Wished life; Kosha gives between one hour and one day.</param>
public sealed record LockRequest(bool IsExclusive, bool IsDeep, string? Owner, int TimeoutSeconds);
