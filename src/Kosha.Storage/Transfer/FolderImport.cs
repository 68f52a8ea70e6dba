using Kosha.Storage.Accounts;
using Kosha.Storage.Blobs;
using Kosha.Storage.Tree;

namespace Kosha.Storage.Transfer;

/// <summary>
/// Brings a folder of this machine into a user's files, with its times. What is there already, of the same size and
/// time, is left, so that an import that was interrupted can be run again. Links and what is no file are left out.
/// </summary>
/// <param name="replace">Write over files that are there and differ; else they are left and told.</param>
public sealed class FolderImport(NodeTree tree, Vault vault, Caller caller, bool replace)
{
    private const int ParallelFiles = 4;

    private static readonly EnumerationOptions Everything = new()
    {
        AttributesToSkip = FileAttributes.None, IgnoreInaccessible = false, ReturnSpecialDirectories = false,
    };

    /// <summary>Where the source really is.</summary>
    private string? top;

    /// <summary>What is done, and was left out.</summary>
    public TransferTally Tally { get; } = new();

    /// <summary>
    /// Brings over what is in <paramref name="source"/>. A file that cannot be read or kept is told in
    /// <see cref="Tally"/>, and the others go on.
    /// </summary>
    /// <exception cref="StorageException">What ends all: QuotaExceeded, NoSpace, CredentialRevoked, Unavailable; and
    /// those of making the folder <paramref name="target"/>.</exception>
    /// <exception cref="IOException">The source itself cannot be read.</exception>
    public async Task RunAsync(DirectoryInfo source, NodePath target, CancellationToken ct)
    {
        // So that a source that cannot be read is told before anything is made.
        top = RealFolder.PathOf(source);
        _ = source.EnumerateFileSystemInfos("*", Everything).Any();
        Count(source, ct);
        for (var depth = 1; depth <= target.Depth; depth++)
            await RequireFolderAsync(target.Take(depth), ct);
        var folders = new Stack<(DirectoryInfo From, NodePath To)>([(source, target)]);
        while (folders.TryPop(out var next))
        {
            ct.ThrowIfCancellationRequested();
            foreach (var below in await BringAsync(next.From, next.To, ct))
                folders.Push(below);
        }
    }

    /// <summary>For the progress alone; what cannot be read is told later.</summary>
    private void Count(DirectoryInfo source, CancellationToken ct)
    {
        var options = new EnumerationOptions
        {
            AttributesToSkip = FileAttributes.ReparsePoint, RecurseSubdirectories = true,
        };
        var (files, bytes) = (0L, 0L);
        foreach (var file in source.EnumerateFiles("*", options))
        {
            ct.ThrowIfCancellationRequested();
            files++;
            bytes += file.Exists ? file.Length : 0;
        }
        (Tally.TotalFiles, Tally.TotalBytes) = (files, bytes);
    }

    /// <summary>One folder; returns those in it.</summary>
    private async Task<List<(DirectoryInfo From, NodePath To)>> BringAsync(
        DirectoryInfo from, NodePath to, CancellationToken ct)
    {
        List<(DirectoryInfo, NodePath)> below = [];
        List<(FileInfo, NodePath)> files = [];
        try
        {
            foreach (var entry in from.EnumerateFileSystemInfos("*", Everything))
            {
                if (Check(entry, to) is not { } path)
                    continue;
                if (entry is DirectoryInfo folder)
                    below.Add((folder, path));
                else
                    files.Add(((FileInfo)entry, path));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Tally.AddProblem(from.FullName, e.Message);
        }
        var there = await MembersAsync(to, ct);
        var options = new ParallelOptions { MaxDegreeOfParallelism = ParallelFiles, CancellationToken = ct };
        await Parallel.ForEachAsync(
            files, options, async (file, each) => await BringAsync(file.Item1, file.Item2, there, each));
        List<(DirectoryInfo, NodePath)> made = [];
        foreach (var (folder, path) in below)
        {
            if (await MakeAsync(folder, path, there.GetValueOrDefault(path.Name), ct))
                made.Add((folder, path));
        }
        return made;
    }

    /// <summary>Where it goes; null: it is told why not.</summary>
    private NodePath? Check(FileSystemInfo entry, NodePath to)
    {
        try
        {
            if (entry.LinkTarget is not null)
                Tally.AddProblem(entry.FullName, "a link; what it leads to is not brought along.");
            else
                return NodePath.FromNames([.. to.Names, entry.Name]);
        }
        catch (Exception e) when (e is StorageException or IOException or UnauthorizedAccessException)
        {
            Tally.AddProblem(entry.FullName, e.Message);
        }
        return null;
    }

    private async Task<Dictionary<string, FileNode>> MembersAsync(NodePath folder, CancellationToken ct)
    {
        var members = new Dictionary<string, FileNode>(StringComparer.Ordinal);
        var node = await tree.FindAsync(caller, folder, ct)
            ?? throw new StorageException(StorageFault.ParentMissing, $"{folder} was removed meanwhile.");
        await foreach (var page in tree.PagesAsync(caller, node.Id, ListedDetails.None, ct))
        {
            foreach (var member in page)
                members[member.Name] = member;
        }
        return members;
    }

    private async Task BringAsync(
        FileInfo file, NodePath path, Dictionary<string, FileNode> there, CancellationToken ct)
    {
        var old = there.GetValueOrDefault(path.Name);
        try
        {
            if (old is { IsFolder: false }
                && TransferTally.IsSame(file.Length, file.LastWriteTimeUtc, old.Size, old.ModifiedAt))
            {
                Tally.AddSame(file.Length);
                return;
            }
            if (old is not null && !(replace && !old.IsFolder))
            {
                Tally.AddProblem(file.FullName, $"{path} is there already, and differs.");
                return;
            }
            await WriteAsync(file, path, old is null, ct);
            Tally.AddFile();
        }
        catch (StorageException e) when (!TransferTally.EndsAll(e))
        {
            Tally.AddProblem(file.FullName, e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Tally.AddProblem(file.FullName, e.Message);
        }
    }

    private async Task WriteAsync(FileInfo file, NodePath path, bool isNew, CancellationToken ct)
    {
        await using var content = new FileStream(Posix.OpenToRead(file.FullName), FileAccess.Read, bufferSize: 0);
        if (!content.CanSeek)
            throw new IOException("neither a file nor a folder.");
        RealFolder.Require(top!, content.SafeFileHandle);
        await vault.WriteAsync(caller, path, new CountedStream(content, Tally.AddBytes), new()
        {
            AnnouncedBytes = content.Length,
            ModifiedAt = file.LastWriteTimeUtc,
            // Whoever made it meanwhile keeps it.
            Conditions = isNew ? new() { IfNoneMatch = new(Any: true, []) } : WriteConditions.None,
        }, ct);
    }

    /// <summary>False: it cannot be, and is told why.</summary>
    private async Task<bool> MakeAsync(DirectoryInfo from, NodePath path, FileNode? there, CancellationToken ct)
    {
        try
        {
            if (there is { IsFolder: false })
                throw new StorageException(StorageFault.WrongKind, $"{path} is a file.");
            if (there is null)
                await RequireFolderAsync(path, ct);
            if (there is null || !TransferTally.IsSame(0, there.ModifiedAt, 0, from.LastWriteTimeUtc))
                await tree.ChangePropertiesAsync(
                    caller, path, new([], from.LastWriteTimeUtc, CreatedAt: null), WriteConditions.None, ct);
            return true;
        }
        catch (StorageException e) when (!TransferTally.EndsAll(e))
        {
            Tally.AddProblem(from.FullName, e.Message);
            return false;
        }
    }

    private async Task RequireFolderAsync(NodePath path, CancellationToken ct)
    {
        try
        {
            await tree.CreateFolderAsync(caller, path, WriteConditions.None, ct);
        }
        catch (StorageException e) when (e.Fault == StorageFault.AlreadyExists)
        {
            if (await tree.FindAsync(caller, path, ct) is { IsFolder: false })
                throw new StorageException(StorageFault.WrongKind, $"{path} is a file.");
        }
    }
}
