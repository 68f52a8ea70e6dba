using System.Globalization;
using System.Text;
using Kosha.Tests.Infrastructure;

namespace Kosha.Tests.Robustness.Fuzz;

/// <summary>
/// Requests as real clients send them (Explorer, Finder, rclone, davfs2, Office, KeePass …) over a few names, so that
/// most of them find something.
/// </summary>
public sealed class FuzzGrammar(Random random, DavClient drive)
{
    private static readonly string[] Names =
    [
        "a", "b", "c", "d%20e", "%C3%A9", "Report.docx", "._x", ".DS_Store", "README", "readme", "%F0%9F%98%80", "%2B",
    ];

    private static readonly string[] Methods =
    [
        "GET", "GET", "HEAD", "PUT", "PUT", "PUT", "PROPFIND", "PROPFIND", "PROPFIND", "PROPPATCH", "MKCOL", "MKCOL",
        "MKCOL", "COPY", "COPY", "MOVE", "MOVE", "DELETE", "LOCK", "UNLOCK", "UNLOCK", "OPTIONS",
    ];

    private static readonly string[] Agents =
    [
        "Microsoft-WebDAV-MiniRedir/10.0.19045", "WebDAVFS/3.0.0 (03008000) Darwin/23.0.0 (arm64)", "rclone/v1.66.0",
        "davfs2/1.6.1 neon/0.32.2", "gvfs/1.50.3", "Microsoft Office Word 2014", "Cyberduck/8.7.1", "Joplin",
        "DAVx5/4.3.14", "Mozilla/5.0 (X11; Linux x86_64)",
    ];

    private static readonly string[] PropertyBodies =
    [
        """<?xml version="1.0"?><D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>""",
        """<propfind xmlns="DAV:"><propname/></propfind>""",
        """
        <?xml version="1.0" encoding="utf-8"?><a:propfind xmlns:a="DAV:"><a:prop><a:getetag/><a:resourcetype/>
        <oc:checksums xmlns:oc="http://owncloud.org/ns"/><a:quota-used-bytes/></a:prop></a:propfind>
        """,
        """
        <D:propfind xmlns:D="DAV:"><D:prop><D:lockdiscovery/><D:supportedlock/><x xmlns="urn:x"/></D:prop>
        </D:propfind>
        """,
    ];

    private static readonly string[] PatchBodies =
    [
        """
        <D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:set><D:prop>
        <Z:Win32LastModifiedTime>Tue, 02 Jan 2024 03:04:05 GMT</Z:Win32LastModifiedTime>
        <Z:Win32FileAttributes>00000020</Z:Win32FileAttributes></D:prop></D:set></D:propertyupdate>
        """,
        """
        <D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><lastmodified xmlns="DAV:">1700000000</lastmodified>
        </D:prop></D:set></D:propertyupdate>
        """,
        """
        <propertyupdate xmlns="DAV:"><set><prop><x xmlns="urn:x" y="1">v<z/></x></prop></set><remove><prop>
        <y xmlns="urn:x"/></prop></remove></propertyupdate>
        """,
    ];

    private static readonly string[] LockBodies =
    [
        """
        <?xml version="1.0" encoding="utf-8"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>
        <D:locktype><D:write/></D:locktype><D:owner><D:href>me</D:href></D:owner></D:lockinfo>
        """,
        """<lockinfo xmlns="DAV:"><lockscope><shared/></lockscope><locktype><write/></locktype></lockinfo>""",
    ];

    private readonly Queue<(string Target, string Token)> locks = new();

    private static readonly string[] Contents = ["", "x", "a longer content that occurs often", "\0\u0001\u00ff"];

    /// <summary>A request of which nothing is wrong.</summary>
    public FuzzRequest Next()
    {
        var request = new FuzzRequest { Method = Pick(Methods), Target = "/dav/" + Path() };
        if (random.Next(3) == 0)
            request.Headers.Add(("User-Agent", Pick(Agents)));
        Fill(request);
        AddConditions(request);
        return request;
    }

    private void Fill(FuzzRequest request)
    {
        switch (request.Method)
        {
            case "GET" when random.Next(3) == 0:
                request.Headers.Add(("Range", Pick("bytes=0-", "bytes=1-2", "bytes=-3", "bytes=0-0,2-3")));
                break;
            case "PUT":
                FillPut(request);
                break;
            case "PROPFIND":
                request.Headers.Add(("Depth", Pick("0", "1", "1", "infinity")));
                SetXml(request, random.Next(3) == 0 ? "" : Pick(PropertyBodies));
                break;
            case "PROPPATCH":
                SetXml(request, Pick(PatchBodies));
                break;
            case "COPY" or "MOVE":
                request.Headers.Add(("Destination", Destination()));
                AddSometimes(request, "Overwrite", "T", "F");
                AddSometimes(request, "Depth", "0", "infinity");
                break;
            case "LOCK":
                FillLock(request);
                break;
            case "UNLOCK" when locks.Count > 0 && random.Next(8) != 0:
                var (target, token) = locks.Dequeue();
                request.Target = target;
                request.Headers.Add(("Lock-Token", $"<{token}>"));
                break;
            case "UNLOCK":
                request.Headers.Add(("Lock-Token", $"<{Token()}>"));
                break;
        }
    }

    private void FillLock(FuzzRequest request)
    {
        AddSometimes(request, "Timeout", "Second-3600", "Infinite, Second-4100000000");
        request.Headers.Add(("Depth", Pick("0", "0", "0", "infinity")));
        // A deep lock on everything would leave little to try.
        request.Target = "/dav/" + Pick(Names);
        SetXml(request, random.Next(6) == 0 ? "" : Pick(LockBodies));
    }

    /// <summary>Remembers a lock that was given, so that it can be used and released.</summary>
    public void Learn(FuzzRequest request, FuzzAnswer answer)
    {
        if (answer.LockToken is { } token)
            locks.Enqueue((request.Target, token));
    }

    private void FillPut(FuzzRequest request)
    {
        request.Body = Encoding.UTF8.GetBytes(Pick(Contents) + Pick("", random.Next(9).ToString(Invariant)));
        request.IsChunked = random.Next(4) == 0;
        if (request.IsChunked)
            request.Headers.Add(("X-Expected-Entity-Length", request.Body.Length.ToString(Invariant)));
        AddSometimes(request, "X-OC-Mtime", "1700000000", "1700000000.5");
        AddSometimes(request, "Content-Type", "text/plain", "application/octet-stream", "image/png; q=1");
        AddSometimes(request, "OC-Checksum", "SHA1:da39a3ee5e6b4b0d3255bfef95601890afd80709", "Adler32:00");
    }

    private void AddConditions(FuzzRequest request)
    {
        if (random.Next(6) != 0)
            return;
        switch (random.Next(5))
        {
            case 0:
                request.Headers.Add(("If-Match", Pick("*", "\"0123\"", "W/\"1\", \"2\"")));
                break;
            case 1:
                request.Headers.Add(("If-None-Match", Pick("*", "\"0123\"", "JoplinIgnore-1")));
                break;
            case 2:
                request.Headers.Add(("If-Unmodified-Since", Pick("Tue, 02 Jan 2035 03:04:05 GMT", "never")));
                break;
            case 3:
                request.Headers.Add(("If", $"(<{Token()}>) (Not <DAV:no-lock>)"));
                break;
            default:
                request.Headers.Add(("If", $"<{drive.UrlOf(Path())}> (<{Token()}> [\"x\"]) (Not [\"y\"])"));
                break;
        }
    }

    private static CultureInfo Invariant => CultureInfo.InvariantCulture;

    private string Destination() => random.Next(2) == 0 ? drive.UrlOf(Path()) : "/dav/" + Path();

    private string Path() => random.Next(10) switch
    {
        0 => "",
        < 6 => Pick(Names),
        < 9 => $"{Pick(Names)}/{Pick(Names)}",
        _ => $"{Pick(Names)}/{Pick(Names)}/{Pick("", Pick(Names))}",
    };

    private string Token() => locks.Count > 0 && random.Next(4) != 0
        ? locks.ElementAt(random.Next(locks.Count)).Token
        : $"opaquelocktoken:{random.Next(3):d8}-1111-1111-1111-111111111111";

    private static void SetXml(FuzzRequest request, string body)
    {
        request.Body = Encoding.UTF8.GetBytes(body);
        if (body.Length > 0)
            request.Headers.Add(("Content-Type", "application/xml; charset=utf-8"));
    }

    private void AddSometimes(FuzzRequest request, string name, params string[] values)
    {
        if (random.Next(3) == 0)
            request.Headers.Add((name, Pick(values)));
    }

    private string Pick(params string[] from) => from[random.Next(from.Length)];
}
