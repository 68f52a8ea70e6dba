namespace Kosha.Daemon.Api;

/// <summary>What the document shows of jobs.</summary>
internal static class JobExamples
{
    private static readonly DateTimeOffset Started = new(2026, 11, 20, 8, 10, 0, TimeSpan.Zero);

    private static readonly JobRunAnswer Run = new()
    {
        Id = 811, Started = Started, Ended = Started.AddSeconds(1.5), Seconds = 1.5, Outcome = "done", Due = Started,
        Node = "nas/4711", Message = "12 files and folders removed, 81,920 bytes.",
        Step = "removing files and folders", Done = 12,
        Counts = new Dictionary<string, long> { ["nodes"] = 12, ["bytes"] = 81_920, ["failed"] = 0 },
    };

    public static readonly JobList Jobs = new(
    [
        new()
        {
            Name = "purge", What = "Removes for good what was in the trash for its days.", Cron = "0 10 * * * ?",
            Next = Started.AddHours(1), Last = Run,
        },
    ]);

    public static readonly JobRunList Runs = new([Run], Next: null);

    public static readonly StartedRunAnswer StartedRun = new(812);

    public static readonly DayTotalsList Days = new(
    [
        new()
        {
            Day = "2026-11-20", Users = 3, Files = 1200, Folders = 80, Trash = 4, TrashBytes = 4096, Versions = 9,
            VersionBytes = 900, LogicalBytes = 1_000_000, ReservedBytes = 0, Contents = 1100, StoredBytes = 800_000,
        },
    ]);
}
