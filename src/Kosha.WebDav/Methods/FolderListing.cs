using Kosha.Storage.Tree;
using Kosha.WebDav.Links;
using Kosha.WebDav.Xml;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Methods;

/// <summary>A folder's children in a PROPFIND answer; with Depth infinity all below, folder by folder.</summary>
internal sealed class FolderListing(
    NodeTree tree,
    LockTable locks,
    ContentLinks links,
    DavRequest request,
    PropertySelection selection,
    XmlOutput output,
    WebDavOptions options)
{
    private readonly bool isDeep = request.Depth != Depth.One;
    private readonly Queue<Pending> pending = [];
    private int entries;

    /// <param name="Id">The folder.</param>
    /// <param name="Path">Where it stands.</param>
    /// <param name="Href">Its URL, which begins as the request's does.</param>
    /// <param name="DeepLocks">Locks that hold for all below it.</param>
    private readonly record struct Folder(long Id, NodePath Path, string Href, IReadOnlyList<NodeLock> DeepLocks);

    /// <summary>A folder whose turn comes. Many may wait, so path and URL, which may be long, are made then.</summary>
    private readonly record struct Pending(
        long Id, NodePath Parent, string ParentHref, string Name, IReadOnlyList<NodeLock> DeepLocks)
    {
        public Folder Open() =>
            new(Id, Parent.Append(Name), $"{ParentHref}{Uri.EscapeDataString(Name)}/", DeepLocks);
    }

    /// <param name="top">The folder of the request, with its locks; used again for each child.</param>
    public async Task WriteAsync(ResponseEntry top)
    {
        var href = DavRequest.HrefOf(request.Http, isFolder: true);
        var isWhole = await WriteFolderAsync(new(top.Node.Id, request.Path, href, Deep(top.Locks)), top);
        while (isWhole && pending.TryDequeue(out var next))
            isWhole = await WriteFolderAsync(next.Open(), top);
        if (!isWhole)
            new MultiStatus(output).Response(href, StatusCodes.Status507InsufficientStorage);
    }

    /// <summary>False: the limit of an answer with Depth infinity is reached (RFC 4918, 9.1).</summary>
    private async Task<bool> WriteFolderAsync(Folder folder, ResponseEntry entry)
    {
        var locksOfChildren = await FindLocksAsync(folder);
        await foreach (var page in tree.PagesAsync(request.Caller, folder.Id, selection.Details, request.Aborted))
        {
            foreach (var child in page)
            {
                if (isDeep && ++entries > options.MaxInfiniteEntries)
                    return false;
                entry.Node = child;
                entry.Locks = LocksOf(child, folder, locksOfChildren);
                if (selection.NeedsDownloadUrl)
                    entry.DownloadUrl = await links.FindUrlAsync(request, child);
                WriteChild(folder.Href, entry);
                if (isDeep && child.IsFolder)
                    pending.Enqueue(new(child.Id, folder.Path, folder.Href, child.Name, Deep(entry.Locks)));
                await output.FlushIfFullAsync(request.Aborted);
            }
        }
        return true;
    }

    private void WriteChild(string folderHref, ResponseEntry entry)
    {
        var answer = new MultiStatus(output);
        answer.BeginResponse(folderHref, entry.Node.Name, entry.Node.IsFolder);
        selection.Write(output, entry);
        answer.EndResponse();
    }

    /// <summary>The own locks of all children, by child. Null: nobody asked, or there are none.</summary>
    private async ValueTask<Dictionary<long, List<NodeLock>>?> FindLocksAsync(Folder folder)
    {
        if (!selection.NeedsLocks || request.Caller.ShareLinkId is not null)
            return null;
        var found = await locks.ListInFolderAsync(request.Caller, folder.Id, folder.Path, request.Aborted);
        return found.Count == 0
            ? null
            : found.GroupBy(one => one.NodeId).ToDictionary(group => group.Key, group => group.ToList());
    }

    private static IReadOnlyList<NodeLock> LocksOf(
        FileNode child, Folder folder, Dictionary<long, List<NodeLock>>? locksOfChildren)
    {
        if (locksOfChildren is null || !locksOfChildren.TryGetValue(child.Id, out var own))
            return folder.DeepLocks;
        return folder.DeepLocks.Count == 0 ? own : [.. own, .. folder.DeepLocks];
    }

    private static IReadOnlyList<NodeLock> Deep(IReadOnlyList<NodeLock> all) =>
        all.All(one => one.IsDeep) ? all : [.. all.Where(one => one.IsDeep)];
}
