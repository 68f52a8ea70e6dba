using Kosha.Storage.Tree;

namespace Kosha.WebDav.Methods;

/// <summary>MOVE (RFC 4918, 9.9): one row, whatever hangs below.</summary>
internal sealed class Move(NodeTree tree)
{
    public async Task AnswerAsync(DavRequest request)
    {
        var created = await tree.MoveAsync(
            request.Caller, request.Path, request.Destination!, request.Overwrite,
            request.ModifiedAt, request.Conditions, request.Aborted);
        Accepted.Created(request, created);
        Accepted.Mtime(request);
    }
}
