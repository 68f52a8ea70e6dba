using Microsoft.AspNetCore.WebUtilities;

namespace Kosha.WebDav.Xml;

/// <summary>
/// A 207 body (RFC 4918, 13), written element by element. The prefix of DAV: is D, because some Windows clients do not
/// understand another.
/// </summary>
internal readonly struct MultiStatus(XmlOutput output)
{
    public void Begin()
    {
        output.Raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\" "u8);
        output.Raw("xmlns:Z=\"urn:schemas-microsoft-com:\" xmlns:oc=\"http://owncloud.org/ns\">\n"u8);
    }

    public void End() => output.Raw("</D:multistatus>\n"u8);

    /// <summary>Opens a response for a URL that is encoded already.</summary>
    public void BeginResponse(string href)
    {
        output.Raw("<D:response><D:href>"u8);
        output.Raw(href);
        output.Raw("</D:href>"u8);
    }

    /// <summary>Opens a response for a child of a folder.</summary>
    public void BeginResponse(string folderHref, string name, bool isFolder)
    {
        output.Raw("<D:response><D:href>"u8);
        output.Raw(folderHref);
        output.Segment(name);
        if (isFolder)
            output.Raw("/"u8);
        output.Raw("</D:href>"u8);
    }

    public void EndResponse() => output.Raw("</D:response>\n"u8);

    /// <summary>"HTTP/1.1 404 Not Found", with its element.</summary>
    public void Status(int code)
    {
        output.Raw("<D:status>HTTP/1.1 "u8);
        output.Number(code);
        output.Raw(" "u8);
        output.Raw(ReasonPhrases.GetReasonPhrase(code));
        output.Raw("</D:status>"u8);
    }

    /// <summary>A response that has nothing but a status.</summary>
    public void Response(string href, int status)
    {
        BeginResponse(href);
        Status(status);
        EndResponse();
    }
}
