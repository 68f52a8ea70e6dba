using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;

namespace Kosha.Storage.Blobs;

/// <summary>
/// Blobs in a local folder, as <c>ab/cd/&lt;sha256&gt;</c>. A file found there proves nothing without its row, so every put
/// goes the whole way: temporary file, fsync, rename over, fsync of the folder and of each folder just made.
/// </summary>
public sealed class DiskBlobStore(string directory) : IBlobStore
{
    /// <summary>For copies on their way; never listed. Outside the two-letter folders.</summary>
    private const string TemporaryFolder = "tmp";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    public string Name => "disk";

    public string Key(BlobId id, int generation)
    {
        var hex = id.ToString();
        return generation == 1 ? $"{hex[..2]}/{hex[2..4]}/{hex}" : $"{hex[..2]}/{hex[2..4]}/{hex}.{generation}";
    }

    public async Task CheckAsync(CancellationToken ct)
    {
        try
        {
            Directory.CreateDirectory(Path.Combine(directory, TemporaryFolder), OwnerOnly);
            var probe = NewTemporaryPath();
            await File.WriteAllTextAsync(probe, "probe", ct);
            if (!Posix.TryRename(probe, probe + ".renamed") || await File.ReadAllTextAsync(probe + ".renamed", ct) != "probe")
                throw new IOException("A probe file did not come back as it was written.");
            File.Delete(probe + ".renamed");
            Posix.SyncFolder(directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StorageException(StorageFault.Unavailable, $"The blob folder {directory} cannot be used: {e.Message}", e);
        }
    }

    public async Task PutAsync(string key, Spool spool, CancellationToken ct)
    {
        var path = PathOf(key);
        try
        {
            var made = MakeFolders(path);
            if (!spool.TryMoveTo(path))
                await CopyAsync(spool, path, ct);
            Posix.SyncFolder(Path.GetDirectoryName(path)!);
            foreach (var parent in made)
                Posix.SyncFolder(parent);
        }
        catch (IOException e) when (Posix.IsNoSpace(e))
        {
            throw SpoolFolder.NoSpace(e);
        }
    }

    /// <summary>Makes the folders of a key and returns those that gained an entry, innermost first.</summary>
    private List<string> MakeFolders(string path)
    {
        var changed = new List<string>();
        var missing = Path.GetDirectoryName(path)!;
        for (; missing.Length > directory.Length && !Directory.Exists(missing); missing = Path.GetDirectoryName(missing)!)
            changed.Add(Path.GetDirectoryName(missing)!);
        if (changed.Count > 0)
            Directory.CreateDirectory(Path.GetDirectoryName(path)!, OwnerOnly);
        return changed;
    }

    private async Task CopyAsync(Spool spool, string path, CancellationToken ct)
    {
        var temporary = NewTemporaryPath();
        try
        {
            await using (var target = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0))
            {
                await using var source = spool.OpenRead();
                await source.CopyToAsync(target, 1024 * 1024, ct);
                target.Flush(flushToDisk: true);
            }
            Posix.TryRename(temporary, path);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    public Task<Stream> OpenAsync(string key, long offset, long length, CancellationToken ct)
    {
        try
        {
            return Task.FromResult<Stream>(new FileSlice(OpenHandle(PathOf(key)), offset, length, ownsHandle: true));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new StorageException(StorageFault.Damaged, $"The stored object {key} is missing.", e);
        }
    }

    // Sharing everything takes no advisory lock, which a writer's own handle would refuse.
    private static SafeFileHandle OpenHandle(string path) =>
        File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    public Task<long?> FindSizeAsync(string key, CancellationToken ct)
    {
        var file = new FileInfo(PathOf(key));
        return Task.FromResult<long?>(file.Exists ? file.Length : null);
    }

    public Task DeleteAsync(string key, CancellationToken ct)
    {
        var path = PathOf(key);
        if (File.Exists(path))
        {
            File.Delete(path);
            Posix.SyncFolder(Path.GetDirectoryName(path)!);
        }
        return Task.CompletedTask;
    }

    public async IAsyncEnumerable<StoredObject> ListAsync([EnumeratorCancellation] CancellationToken ct)
    {
        await Task.CompletedTask;
        foreach (var file in new DirectoryInfo(directory).EnumerateFiles("*", SearchOption.AllDirectories))
        {
            ct.ThrowIfCancellationRequested();
            var key = Path.GetRelativePath(directory, file.FullName);
            if (!key.StartsWith(TemporaryFolder + "/", StringComparison.Ordinal))
                yield return new(key, file.Length);
        }
    }

    private string PathOf(string key) => Path.Combine(directory, key);

    private string NewTemporaryPath() => Path.Combine(directory, TemporaryFolder, Guid.NewGuid().ToString("N"));
}
