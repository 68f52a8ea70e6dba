using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Methods;

/// <summary>OPTIONS (RFC 4918, 10.1): the same for every URL, because clients ask before they sign in.</summary>
internal static class Options
{
    public static Task AnswerAsync(HttpContext http)
    {
        var headers = http.Response.Headers;
        headers["DAV"] = "1, 2, 3";
        // Without it Windows takes the server for a SharePoint site, or for none.
        headers["MS-Author-Via"] = "DAV";
        headers.Allow = WebDavEndpoints.Allow;
        headers.AcceptRanges = "bytes";
        http.Response.ContentLength = 0;
        return Task.CompletedTask;
    }
}
