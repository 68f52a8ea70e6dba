using System.ComponentModel;
using Kosha.Storage.Accounts;

namespace Kosha.Daemon.Api;

/// <summary>A plan, and how many users have it.</summary>
public sealed record PlanAnswer
{
    public required long Id { get; init; }

    public required string Name { get; init; }

    [Description("Each of maxBytes, maxNodes, maxFileBytes, trashDays, versionDays, maxOpenUploads, maxShareLinks, "
        + "maxShareDays and maxShareLinksWithoutPassword; null is unlimited, 0 is nothing.")]
    public required IReadOnlyDictionary<PlanLimit, long?> Limits { get; init; }

    public required long Users { get; init; }
}

/// <summary>All plans.</summary>
/// <param name="Plans">By name.</param>
public sealed record PlanList(IReadOnlyList<PlanAnswer> Plans);

/// <summary>A plan to be made.</summary>
public sealed record NewPlan
{
    [Description("1 to 80 letters.")]
    public required string Name { get; init; }

    [Description("What is left out is unlimited, but trashDays and versionDays are 30. At most 2^60 bytes, 36,500 days "
        + "and 10^9 of all else.")]
    public IReadOnlyDictionary<PlanLimit, long?>? Limits { get; init; }
}

/// <summary>What is to change of a plan.</summary>
public sealed record ChangePlan
{
    [Description("What is left out stays; null is unlimited, 0 is nothing. At most 2^60 bytes, 36,500 days and 10^9 "
        + "of all else.")]
    public required IReadOnlyDictionary<PlanLimit, long?> Limits { get; init; }
}

/// <summary>What the caller's storage is made of.</summary>
public sealed record UsageAnswer
{
    [Description("Bytes of files, trash and versions, and what open uploads reserve: what counts against maxBytes. "
        + "What of it is in the trash says GET /api/trash/size.")]
    public required long UsedBytes { get; init; }

    [Description("The part of it that versions are.")]
    public required long VersionBytes { get; init; }

    [Description("The part of it that open uploads reserve.")]
    public required long ReservedBytes { get; init; }

    [Description("Files and folders, the trash included.")]
    public required long Nodes { get; init; }

    [Description("The name of the plan.")]
    public required string Plan { get; init; }

    [Description("Each of maxBytes, maxNodes, maxFileBytes, trashDays, versionDays, maxOpenUploads, maxShareLinks, "
        + "maxShareDays and maxShareLinksWithoutPassword; null is unlimited, 0 is nothing.")]
    public required IReadOnlyDictionary<PlanLimit, long?> Limits { get; init; }
}
