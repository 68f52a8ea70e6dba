using System.ComponentModel;

namespace Kosha.Daemon.Api;

/// <summary>A job: upkeep that runs by a schedule.</summary>
public sealed record JobAnswer
{
    public required string Name { get; init; }

    [Description("In words.")]
    public required string What { get; init; }

    [Description("Seconds, minutes, hours, day of month, month, day of week, in UTC; left out: it has no schedule.")]
    public string? Cron { get; init; }

    [Description("When it runs next; left out: only when somebody starts it.")]
    public DateTimeOffset? Next { get; init; }

    [Description("Since when it does not run by its schedule; left out: it does.")]
    public DateTimeOffset? Paused { get; init; }

    [Description("Who paused it.")]
    public string? PausedBy { get; init; }

    [Description("The newest run, which may be under way; left out: it never ran.")]
    public JobRunAnswer? Last { get; init; }
}

/// <summary>All jobs.</summary>
public sealed record JobList(IReadOnlyList<JobAnswer> Jobs);

/// <summary>A run of a job.</summary>
public sealed record JobRunAnswer
{
    public required long Id { get; init; }

    public required DateTimeOffset Started { get; init; }

    [Description("Left out: it still runs. If its process died: when it was last heard of.")]
    public DateTimeOffset? Ended { get; init; }

    [Description("How long it took, or takes so far, in seconds.")]
    public required double Seconds { get; init; }

    [Description("running, done, problems (a person should look at what it found), failed, skipped (another process "
        + "did this work) or interrupted (its process was stopped or died).")]
    public required string Outcome { get; init; }

    [Description("The moment of the schedule at which it was due; left out: somebody started it.")]
    public DateTimeOffset? Due { get; init; }

    [Description("The machine and process that runs it.")]
    public required string Node { get; init; }

    [Description("What it did, or why it failed.")]
    public string? Message { get; init; }

    [Description("What it does now, or did last.")]
    public string? Step { get; init; }

    [Description("How much of the step is done.")]
    public long? Done { get; init; }

    [Description("How much of it there is; left out: nobody has counted.")]
    public long? Total { get; init; }

    [Description("What came of it in numbers, by name.")]
    public IReadOnlyDictionary<string, long>? Counts { get; init; }
}

/// <summary>A page of a job's runs.</summary>
/// <param name="Runs">The newest first; the last two hundred are kept.</param>
/// <param name="Next">The cursor of the next page; left out: this is the last.</param>
public sealed record JobRunList(IReadOnlyList<JobRunAnswer> Runs, string? Next);

/// <summary>A run that has begun.</summary>
/// <param name="Id">As the list of runs has it.</param>
public sealed record StartedRunAnswer(long Id);

/// <summary>What all users together had on a day.</summary>
public sealed record DayTotalsAnswer
{
    [Description("YYYY-MM-DD, in UTC.")]
    public required string Day { get; init; }

    public required long Users { get; init; }

    [Description("Those in the trash included.")]
    public required long Files { get; init; }

    [Description("Those in the trash included.")]
    public required long Folders { get; init; }

    [Description("Things in the trash, each with whatever is in it.")]
    public required long Trash { get; init; }

    [Description("Bytes of all that is in the trash.")]
    public required long TrashBytes { get; init; }

    public required long Versions { get; init; }

    public required long VersionBytes { get; init; }

    [Description("What users are charged for files, trash and versions.")]
    public required long LogicalBytes { get; init; }

    [Description("What open uploads reserve.")]
    public required long ReservedBytes { get; init; }

    [Description("Contents that are stored, each once.")]
    public required long Contents { get; init; }

    [Description("Their bytes.")]
    public required long StoredBytes { get; init; }
}

/// <summary>Days.</summary>
/// <param name="Days">The oldest first; a day without a row was not counted.</param>
public sealed record DayTotalsList(IReadOnlyList<DayTotalsAnswer> Days);
