using Kosha.Storage.Tree;

namespace Kosha.WebDav.Methods;

/// <summary>COPY (RFC 4918, 9.8): rows only, whatever hangs below; the bytes are there already.</summary>
internal sealed class Copy(NodeTree tree)
{
    public async Task AnswerAsync(DavRequest request)
    {
        var isDeep = request.Depth switch
        {
            Depth.Zero => false,
            Depth.Missing or Depth.Infinity => true,
            _ => throw DavException.BadRequest("COPY takes Depth 0 or infinity."),
        };
        var created = await tree.CopyAsync(
            request.Caller, request.Path, request.Destination!, request.Overwrite, isDeep,
            request.ModifiedAt, request.Conditions, request.Aborted);
        Accepted.Created(request, created);
        Accepted.Mtime(request);
    }
}
