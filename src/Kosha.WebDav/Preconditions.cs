using Kosha.Storage.Tree;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav;

/// <summary>
/// Conditions of GET and HEAD (RFC 9110, 13.2.2). Those of writes are decided by storage, in the transaction that
/// writes; those of the If header go the same way.
/// </summary>
internal static class Preconditions
{
    /// <returns>200 to go on, 304 or 412.</returns>
    public static int ForRead(DavRequest request, FileNode node)
    {
        var conditions = request.Conditions;
        if (conditions.IfMatch is { } match && !match.Matches(node))
            return StatusCodes.Status412PreconditionFailed;
        if (conditions.IfUnmodifiedSince is { } before && Seconds(node.ModifiedAt) > before)
            return StatusCodes.Status412PreconditionFailed;
        if (conditions.IfNoneMatch is { } noneMatch && noneMatch.Matches(node))
            return StatusCodes.Status304NotModified;
        // A time that a client chose says nothing about when the content changed; a folder's nothing about its page.
        var isValidator = !node.ModifiedByClient && !node.IsFolder;
        return isValidator && request.IfModifiedSince is { } since && Seconds(node.ModifiedAt) <= since
            ? StatusCodes.Status304NotModified
            : StatusCodes.Status200OK;
    }

    /// <summary>Whether a Range header counts: without If-Range, or if that names the present content.</summary>
    public static bool RangeApplies(DavRequest request, FileNode node)
    {
        if (request.IfRange is not { } condition)
            return true;
        if (EntityTags.ReadStrong(condition.AsSpan().Trim()) is { } etag)
            return etag == node.Etag;
        return !node.ModifiedByClient && DavHeaders.ReadDate(condition) == Seconds(node.ModifiedAt);
    }

    /// <summary>At the precision of HTTP dates.</summary>
    private static DateTime Seconds(DateTime time) =>
        new(time.Ticks - (time.Ticks % TimeSpan.TicksPerSecond), time.Kind);
}
