using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;
using Kosha.WebDav.Links;
using Kosha.WebDav.Xml;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Methods;

/// <summary>
/// PROPFIND (RFC 4918, 9.1). A listing reads the folder by pages and writes each page while no database connection is
/// held, so neither its length nor a slow client costs more than one page.
/// </summary>
internal sealed class PropFind(
    NodeTree tree, LockTable locks, UsageTable usage, ContentLinks links, TimeProvider time, WebDavOptions options)
{
    public async Task AnswerAsync(DavRequest request)
    {
        if (request.Depth == Depth.Malformed)
            throw DavException.BadRequest("PROPFIND takes Depth 0, 1 or infinity.");
        var body = await PropFindBody.ReadAsync(request.Http.Request, request.Aborted);
        var selection = PropertySelection.For(
            body, request.IsExplorer, showsDead: request.Caller.ShareLinkId is null);
        if (request.Conditions.StateLists.Count > 0)
            await tree.CheckAsync(request.Caller, request.Path, request.Conditions, request.Aborted);
        // Who has locked what, and how the locks are called, is nothing to visitors.
        var found = selection.NeedsLocks && request.Caller.ShareLinkId is null
            ? await tree.FindWithLocksAsync(request.Caller, request.Path, request.Aborted)
            : new LockedNode(await tree.FindAsync(request.Caller, request.Path, request.Aborted), []);
        var node = found.Node ?? throw DavException.NotFound();
        CheckReach(request.Depth, node);
        var entry = new ResponseEntry
        {
            Node = node,
            Locks = found.Locks,
            Now = time.GetUtcNow().UtcDateTime,
            Quota = await FindQuotaAsync(request, selection, node),
            DownloadUrl = selection.NeedsDownloadUrl ? await links.FindUrlAsync(request, node) : null,
        };
        request.Response.StatusCode = StatusCodes.Status207MultiStatus;
        using var output = new XmlOutput(request.Response);
        var answer = new MultiStatus(output);
        answer.Begin();
        answer.BeginResponse(DavRequest.HrefOf(request.Http, node.IsFolder));
        selection.Write(output, entry);
        answer.EndResponse();
        if (node.IsFolder && request.Depth != Depth.Zero)
            await new FolderListing(tree, locks, links, request, selection, output, options).WriteAsync(entry);
        answer.End();
        await output.CompleteAsync(request.Aborted);
    }

    /// <summary>No Depth means infinity, which is the same as 0 for a file.</summary>
    private void CheckReach(Depth depth, FileNode node)
    {
        if (node.IsFolder && depth is (Depth.Missing or Depth.Infinity) && !options.InfiniteDepth)
            throw new DavException(403, "List one folder at a time, with Depth 1.", "propfind-finite-depth");
    }

    private async ValueTask<Quota?> FindQuotaAsync(DavRequest request, PropertySelection selection, FileNode node)
    {
        // What the owner has left is nothing to visitors.
        if (!selection.NeedsQuota || !node.IsFolder || request.Caller.ShareLinkId is not null)
            return null;
        var quota = await usage.QuotaAsync(request.Caller, request.Aborted);
        return quota with { AvailableBytes = quota.AvailableBytes ?? options.FreeBytes?.Invoke() };
    }
}
