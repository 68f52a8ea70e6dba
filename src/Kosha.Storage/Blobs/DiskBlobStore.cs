using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;

namespace Kosha.Storage.Blobs;

/// <summary>
/// Blobs in a local folder, as <c>ab/cd/&lt;sha256&gt;</c>. A file found there proves nothing without its row, so every
/// put goes the whole way: temporary file, fsync, rename over, fsync of the folder and of each folder just made.
/// </summary>
/// <remarks>
/// A folder that is not as <see cref="Create"/> makes it takes nothing: it may be a mount point without its disk.
/// </remarks>
public sealed partial class DiskBlobStore(string directory) : IBlobStore
{
    /// <summary>For copies on their way; never listed. Outside the two-letter folders.</summary>
    private const string TemporaryFolder = "tmp";

    /// <summary>The store's identity; outside the two-letter folders, too.</summary>
    private const string IdentityFile = "kosha-store.json";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>
    /// Folders whose own entry is durable, as this process knows: at most all of 'ab' and 'ab/cd', and one for each
    /// user with uploads.
    /// </summary>
    private readonly ConcurrentDictionary<string, bool> durableFolders = new(StringComparer.Ordinal);

    private SafeFileHandle? hold;

    public string Name => "disk";

    public string Key(BlobId id, int generation)
    {
        var name = id.ObjectName(generation);
        return $"{name[..2]}/{name[2..4]}/{name}";
    }

    public bool IsBlobKey(string key) =>
        key.Split('/') is [_, _, var name] && BlobId.FindInObjectName(name) is { } found
        && key == Key(found.Id, found.Generation);

    /// <summary>Whether an entry of a blob folder is one that Kosha makes, as its name says.</summary>
    public static bool IsOwnEntry(string name) => name is TemporaryFolder or StagingFolder or IdentityFile
        || name.Length == 2 && name.All(char.IsAsciiHexDigitLower);

    private string TemporaryPath => Path.Combine(directory, TemporaryFolder);

    /// <summary>
    /// Makes the folder: for a first start and for adopting. At any other time one that is not there is a disk that is
    /// not mounted.
    /// </summary>
    /// <exception cref="StorageException"><see cref="StorageFault.Unavailable"/></exception>
    public void Create()
    {
        try
        {
            Directory.CreateDirectory(TemporaryPath, OwnerOnly);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unusable(e);
        }
    }

    /// <summary>
    /// For the start of a daemon on a store that is its own: removes what a crash left, and keeps the disk from being
    /// unmounted until this is disposed of.
    /// </summary>
    /// <exception cref="StorageException"><see cref="StorageFault.Unavailable"/></exception>
    public void Prepare()
    {
        // A copy that was put back may lack the folder for temporary files.
        Create();
        try
        {
            hold ??= Posix.OpenFolder(directory);
            SpoolFolder.RemoveUnused(Directory.EnumerateFiles(TemporaryPath));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unusable(e);
        }
    }

    public void Dispose() => hold?.Dispose();

    public async Task CheckAsync(CancellationToken ct)
    {
        try
        {
            RequireCreated();
            await ProbeAsync(NewTemporaryPath(), ct);
            Posix.SyncFolder(directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unusable(e);
        }
    }

    private void RequireCreated()
    {
        if (!Directory.Exists(TemporaryPath))
            throw new DirectoryNotFoundException($"{TemporaryPath} is not there. Is the disk mounted?");
    }

    private static async Task ProbeAsync(string path, CancellationToken ct)
    {
        var renamed = path + ".renamed";
        // Held open to its end: another process that removes what a crash left passes over it.
        await using var probe = NewTemporaryFile(path);
        try
        {
            await probe.WriteAsync("probe"u8.ToArray(), ct);
            if (!Posix.TryRename(path, renamed) || await File.ReadAllTextAsync(renamed, ct) != "probe")
                throw new IOException("A probe file did not come back as it was written.");
        }
        finally
        {
            File.Delete(path);
            File.Delete(renamed);
        }
    }

    // Sharing is an advisory lock, by which SpoolFolder.RemoveUnused knows that somebody is at work.
    private static FileStream NewTemporaryFile(string path) =>
        new(path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);

    private StorageException Unusable(Exception e) => new(StorageFault.Unavailable,
        $"The blob folder {directory} cannot be used: {e.Message}", e);

    public async Task PutAsync(string key, Spool spool, CancellationToken ct)
    {
        var path = PathOf(key);
        var folder = Path.GetDirectoryName(path)!;
        try
        {
            MakeDurable(folder);
            if (!spool.TryMoveTo(path))
            {
                await using var source = spool.OpenRead();
                await CopyAsync(source, spool.Size, path, ct);
            }
            Steps.Reached(Steps.Renamed, key);
            Posix.SyncFolder(folder);
        }
        catch (IOException e) when (Posix.IsNoSpace(e))
        {
            throw DiskReserve.NoSpace(e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StorageException(StorageFault.Unavailable, "The server's disk does not take the file now.", e);
        }
    }

    /// <summary>
    /// Makes a folder and those above it, and syncs the entry of each unless this process has done so: that a folder is
    /// there does not say that whoever made it has come to the sync.
    /// </summary>
    private void MakeDurable(string folder)
    {
        if (folder.Length <= directory.Length || durableFolders.ContainsKey(folder))
            return;
        var parent = Path.GetDirectoryName(folder)!;
        MakeDurable(parent);
        RequireCreated();
        Directory.CreateDirectory(folder, OwnerOnly);
        Posix.SyncFolder(parent);
        durableFolders[folder] = true;
    }

    private async Task CopyAsync(Stream source, long size, string path, CancellationToken ct)
    {
        // A file that is renamed was judged on this same disk when it was received.
        DiskReserve.Require(directory, size);
        var temporary = NewTemporaryPath();
        try
        {
            await using var target = NewTemporaryFile(temporary);
            if (source is MemoryStream small)
            {
                // At once: to hand so little to another thread costs more than to write it.
                small.WriteTo(target);
            }
            else
            {
                // Others are to see that the space is taken.
                Posix.Allocate(target.SafeFileHandle, size);
                await source.CopyToAsync(target, 1024 * 1024, ct);
            }
            target.Flush(flushToDisk: true);
            // While it is open and so locked, or a daemon that starts just now would take it for a leftover.
            if (!Posix.TryRename(temporary, path))
                throw new IOException($"{path} lies on another file system than {temporary}.");
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    public Task<Stream> OpenAsync(string key, BlobPart part, CancellationToken ct)
    {
        try
        {
            var handle = OpenHandle(PathOf(key));
            var size = RandomAccess.GetLength(handle);
            if (size == part.Size)
                return Task.FromResult<Stream>(new FileSlice(handle, part.Offset, part.Length, ownsHandle: true));
            handle.Dispose();
            throw part.OtherSize(key, size);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new StorageException(StorageFault.Damaged, $"The stored object {key} is missing.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StorageException(StorageFault.Unavailable, "The server's disk does not give the file now.", e);
        }
    }

    // Sharing everything is a shared advisory lock, beside which the writer's own handle may still be open.
    private static SafeFileHandle OpenHandle(string path) =>
        File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    public Task<long?> FindSizeAsync(string key, CancellationToken ct)
    {
        try
        {
            // Not Exists, which is false for a disk that cannot be read, too.
            return Task.FromResult<long?>(new FileInfo(PathOf(key)).Length);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return Task.FromResult<long?>(null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StorageException(StorageFault.Unavailable, $"The object {key} cannot be looked at now.", e);
        }
    }

    public Task DeleteAsync(string key, CancellationToken ct)
    {
        var path = PathOf(key);
        try
        {
            File.Delete(path);
            Posix.SyncFolder(Path.GetDirectoryName(path)!);
            return Task.CompletedTask;
        }
        catch (DirectoryNotFoundException)
        {
            return Task.CompletedTask;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StorageException(StorageFault.Unavailable, $"The object {key} cannot be deleted now.", e);
        }
    }

    public async IAsyncEnumerable<StoredObject> ListAsync([EnumeratorCancellation] CancellationToken ct)
    {
        await Task.CompletedTask;
        using var files = Files().GetEnumerator();
        while (MoveNext(files))
        {
            ct.ThrowIfCancellationRequested();
            yield return files.Current;
        }
    }

    public async Task<bool?> IsEmptyAsync(CancellationToken ct)
    {
        await foreach (var _ in ListAsync(ct))
            return false;
        return true;
    }

    private bool MoveNext(IEnumerator<StoredObject> files)
    {
        try
        {
            return files.MoveNext();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unusable(e);
        }
    }

    private IEnumerable<StoredObject> Files()
    {
        foreach (var entry in new DirectoryInfo(directory).EnumerateFileSystemInfos())
        {
            IEnumerable<FileInfo> files = entry switch
            {
                FileInfo file when file.Name != IdentityFile => [file],
                // A disk's own folder at its mount point, which root alone may read.
                DirectoryInfo folder when folder.Name is not (TemporaryFolder or StagingFolder or "lost+found") =>
                    folder.EnumerateFiles("*", SearchOption.AllDirectories),
                _ => [],
            };
            foreach (var file in files.Where(file => file.Exists))
                yield return new(Path.GetRelativePath(directory, file.FullName), file.Length, file.LastWriteTimeUtc);
        }
    }

    public async Task<StoreIdentity?> FindIdentityAsync(CancellationToken ct)
    {
        try
        {
            return StoreIdentity.Parse(await File.ReadAllBytesAsync(PathOf(IdentityFile), ct));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unusable(e);
        }
    }

    public async Task<bool> PutIdentityAsync(StoreIdentity identity, bool replace, CancellationToken ct)
    {
        var temporary = NewTemporaryPath();
        try
        {
            await using var file = NewTemporaryFile(temporary);
            await file.WriteAsync(identity.ToBytes(), ct);
            file.Flush(flushToDisk: true);
            try
            {
                File.Move(temporary, PathOf(IdentityFile), overwrite: replace);
            }
            catch (IOException) when (!replace && File.Exists(PathOf(IdentityFile)))
            {
                return false;
            }
            Posix.SyncFolder(directory);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unusable(e);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>Clients do not reach a disk; the daemon makes links of its own.</summary>
    public Task<Uri?> FindLinkAsync(string key, LinkedContent content, TimeSpan lifetime, CancellationToken ct) =>
        Task.FromResult<Uri?>(null);

    private string PathOf(string key) => Path.Combine(directory, key);

    private string NewTemporaryPath() => Path.Combine(TemporaryPath, Guid.NewGuid().ToString("N"));
}
