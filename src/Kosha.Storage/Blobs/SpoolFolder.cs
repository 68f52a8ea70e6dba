using Microsoft.Win32.SafeHandles;

namespace Kosha.Storage.Blobs;

/// <summary>
/// Where bodies are received. All temporary files together are limited; what a crash left is removed at start.
/// </summary>
/// <param name="directory">Best on the file system of the blobs, so that a file moves there without a copy.</param>
/// <param name="maxBytes">Limit of all temporary files of this daemon together, in bytes.</param>
public sealed class SpoolFolder(string directory, long maxBytes)
{
    /// <summary>No larger body can ever be received.</summary>
    public long MaxBytes => maxBytes;

    /// <summary>How much a body of unknown length may grow before the free space is looked at again.</summary>
    internal const long LookEvery = 64L << 20;

    private const string Extension = ".spool";

    private long reservedBytes;

    public string Directory => directory;

    /// <summary>Bytes of temporary files now; 0 when nothing is being received.</summary>
    public long ReservedBytes => Interlocked.Read(ref reservedBytes);

    /// <summary>
    /// Makes the folder and removes what no process holds any more: every spool file is locked while in use, so that
    /// daemons may share a folder.
    /// </summary>
    public void Prepare()
    {
        System.IO.Directory.CreateDirectory(
            directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        RemoveUnused(System.IO.Directory.EnumerateFiles(directory, "*" + Extension));
    }

    /// <summary>Removes the temporary files that no process holds open.</summary>
    internal static void RemoveUnused(IEnumerable<string> paths)
    {
        foreach (var path in paths)
        {
            try
            {
                using (File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
                    File.Delete(path);
            }
            catch (IOException)
            {
                // In use by another daemon, or just removed by it.
            }
        }
    }

    /// <summary>Receives a body to its end and takes its digests.</summary>
    /// <param name="body">Read once. Its own exceptions (a client that went away) pass through.</param>
    /// <param name="announcedBytes">The expected length, for which space is taken at once; null if unknown.</param>
    /// <param name="maxBodyBytes">
    /// One byte more ends the reading with <paramref name="tooLarge"/>; null: no limit.
    /// </param>
    /// <param name="tooLarge">The refusal for a body over the limit.</param>
    /// <param name="ct">Ends the reading.</param>
    /// <exception cref="StorageException">NoSpace; Unavailable when the spool's limit is reached.</exception>
    public async Task<Spool> ReceiveAsync(
        Stream body, long? announcedBytes, long? maxBodyBytes, Func<StorageException> tooLarge, CancellationToken ct)
    {
        if (announcedBytes > maxBodyBytes)
            throw tooLarge();
        var spool = new Spool(this);
        try
        {
            await spool.ReceiveAsync(body, announcedBytes, maxBodyBytes, tooLarge, ct);
            return spool;
        }
        catch
        {
            await spool.DisposeAsync();
            throw;
        }
    }

    /// <summary>A new file with its space on the disk. The caller has reserved as much.</summary>
    internal (string Path, SafeFileHandle Handle) CreateFile(long bytes)
    {
        RequireFree(bytes);
        var path = System.IO.Path.Combine(directory, Guid.NewGuid().ToString("N") + Extension);
        // A shared lock: RemoveUnused is kept out by it, and readers are not once the file has become a blob.
        var file = File.OpenHandle(
            path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        try
        {
            Posix.Allocate(file, bytes);
            return (path, file);
        }
        catch
        {
            file.Dispose();
            File.Delete(path);
            throw;
        }
    }

    /// <summary>Refuses if the disk would be too full with as many more bytes.</summary>
    /// <exception cref="StorageException"><see cref="StorageFault.NoSpace"/></exception>
    internal void RequireFree(long bytes) => DiskReserve.Require(directory, bytes);

    internal void Reserve(long bytes)
    {
        if (Interlocked.Add(ref reservedBytes, bytes) <= maxBytes)
            return;
        Interlocked.Add(ref reservedBytes, -bytes);
        throw new StorageException(StorageFault.Unavailable,
            $"All uploads in progress together may take {maxBytes} bytes here. Try again when others have ended.");
    }

    internal void Release(long bytes) => Interlocked.Add(ref reservedBytes, -bytes);
}
