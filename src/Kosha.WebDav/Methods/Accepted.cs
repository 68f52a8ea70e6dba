using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Methods;

/// <summary>Answers that several methods share.</summary>
internal static class Accepted
{
    /// <summary>Tells a client of the ownCloud kind that its time was taken, so that it sends no PROPPATCH.</summary>
    public static void Mtime(DavRequest request)
    {
        if (request.ModifiedAt is not null)
            request.Response.Headers["X-OC-Mtime"] = "accepted";
    }

    /// <summary>201 if something was made, 204 if something was replaced.</summary>
    public static void Created(DavRequest request, bool created) =>
        request.Response.StatusCode = created ? StatusCodes.Status201Created : StatusCodes.Status204NoContent;
}
