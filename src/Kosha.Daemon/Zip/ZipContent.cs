using System.Globalization;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;
using Kosha.WebDav;

namespace Kosha.Daemon.Zip;

/// <summary>
/// Folders and files as one zip file. Members are listed page by page, folder after folder, and no connection is held
/// while a page goes out; what is made or deleted meanwhile may be in it or not.
/// </summary>
internal sealed class ZipContent(NodeTree tree, Vault vault, Caller caller, ZipWriter zip, CancellationToken ct)
{
    private const int PageSize = 1000;

    /// <summary>zlib's least level that notices what cannot be compressed; 1 would make it larger.</summary>
    private const int FastLevel = 2;

    private sealed record OpenFolder(long Id, string Path);

    private readonly Queue<OpenFolder> folders = [];

    /// <summary>Those at the top of the zip file.</summary>
    private readonly HashSet<string> names = new(StringComparer.Ordinal);

    public async Task WriteAsync(IReadOnlyList<FileNode> selected)
    {
        foreach (var node in selected)
        {
            if (node.ParentId is null)
                folders.Enqueue(new(node.Id, ""));
            else
                await AddAsync(node, FreeName(node));
        }
        while (folders.Count > 0)
            await AddMembersAsync([.. folders.Take(NodeTree.MaxFoldersAtOnce)]);
        await zip.FinishAsync(ct);
    }

    /// <summary>Until the first of these folders whose members are not all there stands first again.</summary>
    private async Task AddMembersAsync(OpenFolder[] open)
    {
        var byId = open.ToDictionary(folder => folder.Id, folder => folder.Path);
        var ids = Array.ConvertAll(open, folder => folder.Id);
        for (var after = ""; ;)
        {
            var page = await tree.MembersAsync(caller, ids, after, PageSize, ct);
            foreach (var node in page)
                await AddAsync(node, PathOf(byId[node.ParentId!.Value], node));
            if (page.Count < PageSize)
                break;
            after = page[^1].Name;
            ids = ids[Array.IndexOf(ids, page[^1].ParentId!.Value)..];
        }
        for (var i = 0; i < open.Length; i++)
            folders.Dequeue();
    }

    private async Task AddAsync(FileNode node, string path)
    {
        if (node.IsFolder)
        {
            await zip.AddFolderAsync(path + "/", node.ModifiedAt, ct);
            folders.Enqueue(new(node.Id, path + "/"));
            return;
        }
        await using var content = await vault.OpenAsync(node, 0, node.Size, ct);
        await zip.AddFileAsync(path, node.ModifiedAt, node.Size, LevelOf(ContentTypes.Of(node)), content, ct);
    }

    /// <summary>
    /// The tree lets no name be a way out of a folder. "C:" alone would be one on Windows, at the top.
    /// </summary>
    internal static string SafeName(string name, bool isTop)
    {
        var safe = name.Replace('\\', '_').Replace('/', '_');
        return isTop && safe.Length > 1 && safe[1] == ':' ? $"{safe[0]}_{safe[2..]}" : safe is ".." or "." ? "_" : safe;
    }

    /// <summary>What is right below the root is at the top of the zip file.</summary>
    private string PathOf(string folder, FileNode node) =>
        folder.Length == 0 ? FreeName(node) : folder + SafeName(node.Name, isTop: false);

    private string FreeName(FileNode node)
    {
        var name = SafeName(node.Name, isTop: true);
        var (stem, extension) = NodePath.SplitForMark(name, node.IsFolder);
        for (var number = 2; !names.Add(name); number++)
            name = string.Create(CultureInfo.InvariantCulture, $"{stem} ({number}){extension}");
        return name;
    }

    /// <summary>What is compressed already only costs time.</summary>
    internal static int LevelOf(string contentType)
    {
        var type = contentType.Split(';')[0].Trim().ToLowerInvariant();
        var isCompressed = type.Split('/') switch
        {
            ["image", var form] => form is not ("bmp" or "x-ms-bmp" or "svg+xml" or "tiff" or "x-portable-pixmap"),
            ["audio", var form] => form is not ("wav" or "x-wav" or "wave" or "aiff" or "x-aiff"),
            ["video", _] => true,
            ["application", var form] => form is "zip" or "gzip" or "x-gzip" or "pdf" or "java-archive" or "zstd"
                or "x-7z-compressed" or "x-rar-compressed" or "vnd.rar" or "x-bzip2" or "x-xz" or "x-compressed"
                or "x-zip-compressed" or "epub+zip"
                || form.StartsWith("vnd.openxmlformats-", StringComparison.Ordinal)
                || form.StartsWith("vnd.oasis.opendocument.", StringComparison.Ordinal),
            _ => false,
        };
        return isCompressed ? 0 : FastLevel;
    }
}
