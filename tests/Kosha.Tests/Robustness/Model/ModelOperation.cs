using System.Globalization;
using System.Xml.Linq;
using Kosha.Tests.Infrastructure;

namespace Kosha.Tests.Robustness.Model;

/// <summary>One member of a listing.</summary>
public sealed record ModelEntry(string Name, bool IsFolder, int Size, string Etag, string? Property);

/// <summary>What of an answer the model can foretell or must learn.</summary>
public sealed record ModelAnswer(int Status)
{
    public string Etag { get; init; } = "";

    public string Text { get; init; } = "";

    /// <summary>Of LOCK.</summary>
    public string Token { get; init; } = "";

    /// <summary>Of PROPFIND: the folder's members by name.</summary>
    public IReadOnlyList<ModelEntry> Entries { get; init; } = [];
}

/// <summary>A request, as the model understands it and as it goes over the wire.</summary>
public sealed record ModelOperation(string Method, string Path)
{
    private static readonly XName Property = XName.Get("p", "urn:model");

    /// <summary>COPY and MOVE.</summary>
    public string Target { get; init; } = "";

    /// <summary>PUT: the content; PROPPATCH: the value.</summary>
    public string Body { get; init; } = "";

    public string? IfMatch { get; init; }

    /// <summary>If-None-Match: *</summary>
    public bool IfNone { get; init; }

    /// <summary>The path that the If header tags; null: untagged.</summary>
    public string? IfTag { get; init; }

    /// <summary>The token in the If header; for UNLOCK, of the lock to remove.</summary>
    public string? Token { get; init; }

    public bool IsNotToken { get; init; }

    /// <summary>The entity tag in the If header.</summary>
    public string? IfEtag { get; init; }

    /// <summary>The If header ends with a list that always holds: it submits a token and demands nothing.</summary>
    public bool IfAlways { get; init; }

    public bool Overwrite { get; init; } = true;

    /// <summary>COPY and LOCK: Depth infinity.</summary>
    public bool IsDeep { get; init; }

    public bool IsExclusive { get; init; }

    public bool HasIf => Method != "UNLOCK" && (Token is not null || IfEtag is not null);

    public static string[] Split(string path) => path.Split('/', StringSplitOptions.RemoveEmptyEntries);

    public async Task<ModelAnswer> SendAsync(DavClient drive)
    {
        var headers = Headers(drive).ToArray();
        var answer = Method switch
        {
            "PUT" => await drive.PutAsync(Path, Body, headers),
            "PROPPATCH" => await drive.ProppatchAsync(Path, $"""
                <D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><p xmlns="urn:model">{Body}</p></D:prop></D:set>
                </D:propertyupdate>
                """, headers),
            "PROPFIND" => await drive.PropfindAsync(Path, "1", """
                <D:propfind xmlns:D="DAV:"><D:prop><D:getetag/><D:getcontentlength/><D:resourcetype/>
                <p xmlns="urn:model"/></D:prop></D:propfind>
                """),
            "LOCK" => await drive.SendAsync("LOCK", Path, DavClient.Xml($"""
                <D:lockinfo xmlns:D="DAV:"><D:lockscope><D:{(IsExclusive ? "exclusive" : "shared")}/></D:lockscope>
                <D:locktype><D:write/></D:locktype></D:lockinfo>
                """), headers),
            _ => await drive.SendAsync(Method, Path, headers),
        };
        return Read(answer);
    }

    private IEnumerable<(string, string)> Headers(DavClient drive)
    {
        if (Method is "COPY" or "MOVE")
            yield return ("Destination", drive.UrlOf(Target));
        if (!Overwrite)
            yield return ("Overwrite", "F");
        if (Method is "COPY" or "LOCK")
            yield return ("Depth", IsDeep ? "infinity" : "0");
        if (IfMatch is not null)
            yield return ("If-Match", IfMatch);
        if (IfNone)
            yield return ("If-None-Match", "*");
        if (Method == "UNLOCK")
            yield return ("Lock-Token", $"<{Token}>");
        if (HasIf)
            yield return ("If", IfHeader(drive));
    }

    private string IfHeader(DavClient drive)
    {
        var tag = IfTag is null ? "" : $"<{drive.UrlOf(IfTag)}> ";
        var token = Token is null ? "" : $"{(IsNotToken ? "Not " : "")}<{Token}>";
        var etag = IfEtag is null ? "" : $"[{IfEtag}]";
        return $"{tag}({token} {etag}){(IfAlways ? " (Not <DAV:no-lock>)" : "")}";
    }

    private static ModelAnswer Read(DavAnswer answer) => new(answer.Status)
    {
        Etag = answer.Header("ETag") ?? "",
        Text = answer.Text,
        Token = answer.Header("Lock-Token")?.Trim('<', '>') ?? "",
        Entries = answer.Status != 207 || !answer.Text.Contains("getetag", StringComparison.Ordinal) ? [] :
            [.. answer.Multistatus.Items.Skip(1).Select(Entry).OrderBy(entry => entry.Name, StringComparer.Ordinal)],
    };

    private static ModelEntry Entry(MultistatusItem item) => new(
        item.Name, item.IsFolder, int.Parse(item.Value("getcontentlength") ?? "0", CultureInfo.InvariantCulture),
        item.Value("getetag") ?? "", item.Value(Property));
}
