using System.Runtime.CompilerServices;

namespace Kosha.Storage.Blobs;

public sealed partial class DiskBlobStore
{
    /// <summary>For what <see cref="StagingKey"/> names; outside the two-letter folders.</summary>
    private const string StagingFolder = "uploads";

    /// <summary>Clients do not reach a disk; the daemon receives what they put.</summary>
    public Task<DirectPuts> DirectPutsAsync(CancellationToken ct) => Task.FromResult(DirectPuts.None);

    public Task<SignedPut> SignPutAsync(
        string key, BlobId sha256, long size, TimeSpan lifetime, CancellationToken ct) =>
        Task.FromException<SignedPut>(
            new StorageException(StorageFault.Unavailable, "Clients do not reach the server's disk."));

    public MultipartUploads? Multipart => null;

    public async Task<StagedObject?> FindStagedAsync(string key, CancellationToken ct) =>
        await FindSizeAsync(key, ct) is { } size ? new(key, size, Sha256: null, Tag: null) : null;

    public Task<Stream> OpenStagedAsync(StagedObject staged, CancellationToken ct)
    {
        try
        {
            return Task.FromResult<Stream>(OpenStaged(staged));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StorageException(StorageFault.Unavailable, "The server's disk does not give the file now.", e);
        }
    }

    private FileSlice OpenStaged(StagedObject staged)
    {
        try
        {
            var handle = OpenHandle(PathOf(staged.Key));
            if (RandomAccess.GetLength(handle) == staged.Size)
                return new(handle, 0, staged.Size, ownsHandle: true);
            handle.Dispose();
            throw StagedObject.Replaced();
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            RequireCreated();
            throw StagedObject.Gone(e);
        }
    }

    /// <remarks>
    /// A second name for the same bytes, which nobody writes to: they were synced when they came. Not every file system
    /// has second names.
    /// </remarks>
    public async Task CopyAsync(StagedObject source, string target, CancellationToken ct)
    {
        var (path, folder) = (PathOf(target), Path.GetDirectoryName(PathOf(target))!);
        try
        {
            await using var bytes = OpenStaged(source);
            MakeDurable(folder);
            if (!TryLink(PathOf(source.Key), path))
                await CopyAsync(bytes, source.Size, path, ct);
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

    /// <summary>Also over what stands there.</summary>
    private bool TryLink(string source, string path)
    {
        var temporary = NewTemporaryPath();
        try
        {
            if (!Posix.TryLink(source, temporary))
                return false;
            if (!Posix.TryRename(temporary, path))
                throw new IOException($"{path} lies on another file system than {temporary}.");
            return true;
        }
        finally
        {
            // To rename a file over its own second name does nothing.
            File.Delete(temporary);
        }
    }

    public async IAsyncEnumerable<StoredObject> ListStagedAsync([EnumeratorCancellation] CancellationToken ct)
    {
        await Task.CompletedTask;
        using var files = StagedFiles().GetEnumerator();
        while (MoveNext(files))
        {
            ct.ThrowIfCancellationRequested();
            yield return files.Current;
        }
    }

    private IEnumerable<StoredObject> StagedFiles()
    {
        var folder = new DirectoryInfo(PathOf(StagingFolder));
        if (!folder.Exists)
            yield break;
        foreach (var file in folder.EnumerateFiles("*", SearchOption.AllDirectories).Where(file => file.Exists))
            yield return new(Path.GetRelativePath(directory, file.FullName), file.Length, file.LastWriteTimeUtc);
    }
}
