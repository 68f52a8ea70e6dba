using System.Buffers;
using System.Security.Cryptography;
using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;

namespace Kosha.Storage.Transfer;

/// <summary>
/// Writes a user's files as plain files into a folder of this machine, with their times. What is there already, of the
/// same size and time, is left, so that an export that was interrupted can be run again; a file that has its name is
/// whole and synced. The trash and older versions stay behind.
/// </summary>
/// <param name="replace">Write over files that are there and differ; else they are left and told.</param>
public sealed class FolderExport(NodeTree tree, Vault vault, Caller caller, bool replace)
{
    private const int ParallelFiles = 4;
    private const int BufferBytes = 1 << 20;

    /// <summary>Where the target really is.</summary>
    private string? realTarget;

    /// <summary>What is done, and was left out.</summary>
    public TransferTally Tally { get; } = new();

    /// <summary>
    /// Writes what is in <paramref name="source"/>. A file that cannot be read or written is told in
    /// <see cref="Tally"/>, and the others go on.
    /// </summary>
    /// <exception cref="StorageException">NotFound, WrongKind: the source; CredentialRevoked, Unavailable.</exception>
    /// <exception cref="IOException">The target itself cannot be written.</exception>
    public async Task RunAsync(NodePath source, DirectoryInfo target, CancellationToken ct)
    {
        var top = await tree.FindAsync(caller, source, ct)
            ?? throw new StorageException(StorageFault.NotFound, $"There is nothing at {source}.");
        if (!top.IsFolder)
            throw new StorageException(StorageFault.WrongKind, $"{source} is a file; name the folder that holds it.");
        target.Create();
        realTarget = RealFolder.PathOf(target);
        var size = await tree.SizeBelowAsync(caller, top.Id, ct);
        (Tally.TotalFiles, Tally.TotalBytes) = (size.Files, size.Bytes);
        var written = new Stack<(DirectoryInfo To, DateTime Time)>();
        var folders = new Stack<(FileNode From, DirectoryInfo To)>([(top, target)]);
        while (folders.TryPop(out var next))
        {
            if (next.From.Id != top.Id)
                written.Push((next.To, next.From.ModifiedAt));
            foreach (var below in await WriteAsync(next.From, next.To, ct))
                folders.Push(below);
        }
        // Last, because writing into a folder changes its time.
        foreach (var (folder, time) in written)
            SetTime(folder, time);
    }

    /// <summary>One folder; returns those in it.</summary>
    private async Task<List<(FileNode From, DirectoryInfo To)>> WriteAsync(
        FileNode from, DirectoryInfo to, CancellationToken ct)
    {
        List<(FileNode, DirectoryInfo)> below = [];
        var details = ListedDetails.Objects;
        await foreach (var page in tree.PagesAsync(caller, from.Id, details, ct))
        {
            var options = new ParallelOptions { MaxDegreeOfParallelism = ParallelFiles, CancellationToken = ct };
            await Parallel.ForEachAsync(
                page.Where(member => !member.IsFolder), options,
                async (file, each) => await WriteFileAsync(file, to, each));
            foreach (var folder in page.Where(member => member.IsFolder))
            {
                if (Make(folder, to) is { } made)
                    below.Add((folder, made));
            }
        }
        return below;
    }

    private DirectoryInfo? Make(FileNode folder, DirectoryInfo to)
    {
        var made = new DirectoryInfo(Path.Combine(to.FullName, folder.Name));
        try
        {
            if (made.LinkTarget is not null)
                throw new IOException("a link is there, and leads elsewhere.");
            made.Create();
            return made;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Tally.AddProblem(made.FullName, e.Message);
            return null;
        }
    }

    private async Task WriteFileAsync(FileNode file, DirectoryInfo to, CancellationToken ct)
    {
        var target = new FileInfo(Path.Combine(to.FullName, file.Name));
        try
        {
            if (target.LinkTarget is null && target.Exists
                && TransferTally.IsSame(file.Size, file.ModifiedAt, target.Length, target.LastWriteTimeUtc))
                Tally.AddSame(file.Size);
            else if (Path.Exists(target.FullName) && (!replace || Directory.Exists(target.FullName)))
                Tally.AddProblem(target.FullName, "is there already, and differs.");
            else
            {
                await WriteAsync(file, to, target, ct);
                Tally.AddFile();
            }
        }
        catch (StorageException e) when (!TransferTally.EndsAll(e))
        {
            Tally.AddProblem(target.FullName, e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Tally.AddProblem(target.FullName, e.Message);
        }
    }

    private async Task WriteAsync(FileNode file, DirectoryInfo to, FileInfo target, CancellationToken ct)
    {
        // Beside it under a name that nothing has, however long its own is.
        var part = Path.Combine(to.FullName, $".kosha-{Guid.NewGuid():N}.part");
        try
        {
            await using (var output = new FileStream(part, FileMode.CreateNew, FileAccess.Write, FileShare.None, 0))
            {
                RealFolder.Require(realTarget!, output.SafeFileHandle);
                await CopyAsync(file, output, ct);
                File.SetLastWriteTimeUtc(output.SafeFileHandle, file.ModifiedAt);
                output.Flush(flushToDisk: true);
            }
            File.Move(part, target.FullName, overwrite: true);
        }
        catch
        {
            File.Delete(part);
            throw;
        }
    }

    private async Task CopyAsync(FileNode file, FileStream output, CancellationToken ct)
    {
        using var sha1 = file.Sha1 is null ? null : IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        await using var content = await vault.OpenAsync(file, 0, file.Size, ct);
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            while (await content.ReadAsync(buffer.AsMemory(0, BufferBytes), ct) is > 0 and var count)
            {
                await output.WriteAsync(buffer.AsMemory(0, count), ct);
                sha1?.AppendData(buffer, 0, count);
                Tally.AddBytes(count);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        if (output.Length != file.Size
            || (sha1 is not null && !sha1.GetHashAndReset().AsSpan().SequenceEqual(file.Sha1)))
            throw new StorageException(StorageFault.Damaged, "the stored bytes are damaged.");
    }

    private void SetTime(DirectoryInfo folder, DateTime time)
    {
        try
        {
            folder.LastWriteTimeUtc = time;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Tally.AddProblem(folder.FullName, e.Message);
        }
    }
}
