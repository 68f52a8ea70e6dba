using System.Globalization;
using System.Text;

namespace Kosha.Tests.Robustness.Fuzz;

/// <summary>Spoils requests, each in one to three places.</summary>
public sealed class FuzzMutations(Random random)
{
    private static readonly string[] PathParts =
    [
        "..", "%2e%2e%2f", "%2F", "%5C", "\\", "%00", "%01", "%7F", "%C0%AF", "%FF", "%ED%A0%80", "%", "%4", "%zz",
        "//", "/./", "/../", "?", "?a=b&c", "#f", "%20", " ", "\t", "\u00e9", "%EF%BF%BE", "%E2%80%AE", "*", ":", ";x",
        "CON", "%F4%90%80%80", "+", "%C2%85", "%CC%81", "~", "[", "|",
    ];

    private static readonly string[] Targets =
    [
        "*", "/", "/dav", "/davx/a", "//dav/a", "/DAV/a", "http://other/dav/a", "http://127.0.0.2/dav/a", "dav/a", "a",
        "/dav/a?x#y", "/%64av/a", "/dav%2Fa", "/readyz", "http:///dav/a", "https://[::1/dav",
    ];

    private static readonly string[] Methods =
        ["POST", "PATCH", "REPORT", "SEARCH", "BREW", "get", "PROPFIN", "TRACE", "ACL", "M-SEARCH", "PUTT", "LOCKS"];

    private static readonly (string Name, string Value)[] Headers =
    [
        ("Depth", "2"), ("Depth", "-1"), ("Depth", "infinity,noroot"), ("Overwrite", "X"), ("Overwrite", "TF"),
        ("Destination", "http://elsewhere/dav/a"), ("Destination", "/"), ("Destination", "/dav/"),
        ("Destination", "/dav"), ("Destination", "//dav/x"), ("Destination", "dav/x"), ("Destination", "/dav/%"),
        ("Destination", "/dav/a/../.."), ("Destination", "file:///dav/x"), ("Destination", "http://[/dav/x"),
        ("Destination", "http://127.0.0.2:99999999999/dav/x"), ("Destination", "/dav/\u00e9"),
        ("Destination", "http://"),
        ("Timeout", "Second-99999999999999999999"), ("Timeout", "Second--1"), ("Timeout", ",,,"),
        ("If", "("), ("If", "()"), ("If", "(<>)"), ("If", "<"), ("If", "(Not)"), ("If", "([\"a\"]"), ("If", "([W/])"),
        ("If", "<http://[/dav/a> (<opaquelocktoken:1>)"), ("If", "</dav/%zz> (Not <x:y>)"), ("If", ")("),
        ("If", "<http://127.0.0.2:x/dav/a> (Not <x:y>)"), ("If", "(Not <a> Not <b>)(<c>)"), ("If-Match", "\""),
        ("If-Match", ",,,"), ("If-None-Match", "*, \"a\""), ("If-None-Match", "W/"), ("If-Modified-Since", "0"),
        ("If-Unmodified-Since", "Mon, 99 Foo 2024 99:99:99 GMT"), ("If-Range", "\"x"), ("If-Range", "yesterday"),
        ("Range", "bytes=5-1"), ("Range", "bytes=99999999999999999999-"), ("Range", "bits=0-1"), ("Range", "bytes=,,,"),
        ("Range", "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9"), ("Content-Range", "bytes 0-1/2"),
        ("Content-Encoding", "gzip"), ("Content-Type", "text/\u00e9"), ("Content-Type", "a/b; c=\"d"),
        ("Content-Type", "/"), ("X-OC-Mtime", "-1"), ("X-OC-Mtime", "1e309"), ("X-OC-Mtime", "999999999999999"),
        ("X-OC-Mtime", "-11644473601"), ("OC-Checksum", "SHA1:zz"), ("OC-Checksum", "MD5:"), ("OC-Checksum", ":::"),
        ("OC-Checksum", "SHA256:00"), ("X-Expected-Entity-Length", "-5"), ("X-Expected-Entity-Length", "1"),
        ("X-Expected-Entity-Length", "99999999999999999999"), ("Lock-Token", "<>"), ("Lock-Token", "<"),
        ("Lock-Token", "<opaquelocktoken:>"), ("Lock-Token", "opaquelocktoken:x"), ("Expect", "100-continue"),
        ("Accept-Encoding", "gzip;q=x"), ("Cookie", "a=b"), ("X-Forwarded-For", "nonsense, 1.2.3.4"),
        ("X-Forwarded-Proto", "gopher"), ("Forwarded", "for=x"), ("Origin", "http://x"), ("Connection", "close"),
        ("Upgrade", "h2c"), ("X-HTTP-Method-Override", "DELETE"), ("Translate", "f"), ("User-Agent", "\u00ff\u0080"),
        ("Host", "other"), ("Authorization", "Basic nonsense"), ("Content-Length", "0"), ("TE", "trailers"),
    ];

    private static readonly string[] XmlParts =
    [
        "<!DOCTYPE a [<!ENTITY b \"c\">]>", "&b;", "&#0;", "&#xFFFE;", "&#x110000;", "]]>", "<![CDATA[x]]>",
        "<!-- -- -->",
        "<?xml version=\"1.0\"?>", "<?pi?>", "<a>", "</a>", "<D:x/>", "<x xmlns=\"\"/>", "<x:y/>", " xmlns:D=\"\"",
        " xmlns:xml=\"a\"", "\u0000", "\uFFFE", "<a b='1' b='2'/>", "<prop/>", "<href/>", "xml:lang=\"\u0001\"",
        "<D:prop xmlns:D=\"DAV:\"/>", "<D:displayname/>", "<D:resourcetype/>", "<lastmodified>never</lastmodified>",
    ];

    public void Spoil(FuzzRequest request)
    {
        for (var times = 1 + random.Next(3); times > 0; times--)
            SpoilOnce(request);
    }

    private void SpoilOnce(FuzzRequest request)
    {
        switch (random.Next(14))
        {
            case 0:
                request.Target = Pick(Targets);
                break;
            case 1 or 2 or 3:
                request.Target = Insert(request.Target, Pick(PathParts), from: "/dav/".Length);
                break;
            case 4:
                request.Method = Pick(Methods);
                break;
            case 5 or 6 or 7 or 8:
                request.Headers.Add(Headers[random.Next(Headers.Length)]);
                break;
            case 9:
                SpoilHeader(request);
                break;
            case 10:
                request.Body = Encoding.UTF8.GetBytes(
                    Insert(Encoding.UTF8.GetString(request.Body), Pick(XmlParts), from: 0));
                break;
            case 11:
                SpoilBytes(request);
                break;
            case 12:
                request.Target += string.Concat(Enumerable.Repeat("/a", random.Next(400)));
                break;
            default:
                SpoilLength(request);
                break;
        }
    }

    private void SpoilHeader(FuzzRequest request)
    {
        if (request.Headers.Count == 0)
            return;
        var at = random.Next(request.Headers.Count);
        var (name, value) = request.Headers[at];
        request.Headers[at] = random.Next(5) switch
        {
            0 => (name, ""),
            1 => (name, value[..random.Next(value.Length + 1)]),
            2 => (name, Insert(value, ((char)random.Next(1, 256)).ToString(), from: 0)),
            3 => (name, string.Concat(Enumerable.Repeat(value, 1 + random.Next(200)))),
            _ => (name, value.ToUpperInvariant()),
        };
    }

    private void SpoilBytes(FuzzRequest request)
    {
        if (request.Body.Length == 0)
            request.Body = new byte[random.Next(3)];
        byte[] body = [.. request.Body];
        for (var times = random.Next(4); times > 0 && body.Length > 0; times--)
            body[random.Next(body.Length)] = (byte)random.Next(256);
        request.Body = random.Next(3) == 0 ? body[..random.Next(body.Length + 1)] : body;
    }

    private void SpoilLength(FuzzRequest request)
    {
        if (random.Next(2) == 0)
            request.IsChunked = !request.IsChunked;
        else
            request.Lie = random.Next(-2, 20);
    }

    private string Insert(string text, string part, int from)
    {
        if (text.Length < from)
            return text + part;
        var at = random.Next(from, text.Length + 1);
        return string.Create(CultureInfo.InvariantCulture, $"{text.AsSpan(0, at)}{part}{text.AsSpan(at)}");
    }

    private string Pick(string[] from) => from[random.Next(from.Length)];
}
