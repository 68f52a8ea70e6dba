namespace Kosha.Storage.Blobs;

/// <summary>
/// What uploads leave free for others on the disks of spool and blobs, because a full disk stops Postgres: 1 GiB, and
/// of a disk below 20 GiB a twentieth.
/// </summary>
internal static class DiskReserve
{
    private const long KeepFreeBytes = 1L << 30;
    private const long SmallDiskBytes = 20L << 30;
    private const int SmallDiskPart = 20;

    /// <summary>Refuses if the disk under a folder would be too full with as many more bytes.</summary>
    /// <exception cref="StorageException"><see cref="StorageFault.NoSpace"/></exception>
    /// <exception cref="IOException">The disk cannot be looked at.</exception>
    public static void Require(string directory, long bytes)
    {
        var disk = new DriveInfo(directory);
        var total = disk.TotalSize;
        var keep = total < SmallDiskBytes ? total / SmallDiskPart : KeepFreeBytes;
        if (disk.AvailableFreeSpace - bytes < keep)
            throw NoSpace();
    }

    public static StorageException NoSpace(IOException? e = null) =>
        new(StorageFault.NoSpace, "The server's disk is full. Nothing was changed.", e);
}
