namespace Kosha.Storage.Uploads;

/// <summary>What keeps uploads within bounds.</summary>
/// <param name="MaxOpenPerUser">Uploads that one user may have under way, unless the plan says how many.</param>
public sealed record UploadLimits(int MaxOpenPerUser)
{
    /// <summary>Uploads that one user may begin in a minute, on all daemons together; 0: any number. What needs no
    /// bytes does not count.</summary>
    public int MaxPerMinute { get; init; }

    /// <summary>Completions that read the bytes at once, in one process; each is as fast as store and processor.
    /// </summary>
    public int MaxReading { get; init; } = 4;

    /// <summary>Of a part but the last, in bytes; S3 takes no smaller ones.</summary>
    public long MinPartBytes { get; init; } = Blobs.S3StoreOptions.MinPartBytes;
}
