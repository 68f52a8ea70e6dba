using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace Kosha.WebDav;

/// <summary>
/// One request with every header read once, into a typed value, before a handler acts. Headers that concern one
/// method only are read for that method only, so that a malformed one harms no other.
/// </summary>
internal sealed record DavRequest
{
    private const int WorkingDaySeconds = 10 * 3600;

    public required HttpContext Http { get; init; }

    /// <summary>The verified user.</summary>
    public required Caller Caller { get; init; }

    public required NodePath Path { get; init; }

    /// <summary>The client wrote the URL of a folder.</summary>
    public bool EndsWithSlash { get; init; }

    /// <summary>Windows Explorer's redirector, which knows no case and counts every byte of a listing.</summary>
    public bool IsExplorer { get; init; }

    public Depth Depth { get; init; }

    /// <summary>COPY and MOVE.</summary>
    public bool Overwrite { get; init; } = true;

    /// <summary>Not null for COPY and MOVE; never the root.</summary>
    public NodePath? Destination { get; init; }

    public WriteConditions Conditions { get; init; } = WriteConditions.None;

    /// <summary>Null if If-None-Match stands beside it (RFC 9110, 13.1.3).</summary>
    public DateTime? IfModifiedSince { get; init; }

    public string? IfRange { get; init; }

    public string? Range { get; init; }

    /// <summary>LOCK: the wished life.</summary>
    public int TimeoutSeconds { get; init; }

    /// <summary>The Lock-Token header: for UNLOCK the lock to remove, for others one more submitted token.</summary>
    public Guid? LockToken { get; init; }

    /// <summary>PUT, COPY, MOVE: X-OC-Mtime.</summary>
    public DateTime? ModifiedAt { get; init; }

    /// <summary>PUT: OC-Checksum.</summary>
    public BodyDigests? Digests { get; init; }

    /// <summary>PUT: null if the client did not say.</summary>
    public long? AnnouncedBytes { get; init; }

    /// <summary>PUT: null if the client said nothing useful.</summary>
    public string? ContentType { get; init; }

    public CancellationToken Aborted => Http.RequestAborted;

    public HttpResponse Response => Http.Response;

    /// <exception cref="DavException">A header that the method needs is missing or malformed.</exception>
    /// <exception cref="Kosha.Storage.StorageException">A path has a name that cannot be.</exception>
    public static DavRequest Read(HttpContext http, Caller caller, WebDavOptions options)
    {
        var headers = http.Request.Headers;
        var lockToken = LockTokens.ReadHeader(One(headers["Lock-Token"]));
        var request = new DavRequest
        {
            Http = http,
            Caller = caller,
            Path = DavUrl.FromTarget(TargetOf(http), out var endsWithSlash),
            EndsWithSlash = endsWithSlash,
            IsExplorer = Mentions(headers.UserAgent, "Microsoft-WebDAV-MiniRedir"),
            Depth = DavHeaders.ReadDepth(One(headers["Depth"])),
            LockToken = lockToken,
            Conditions = ReadConditions(http, lockToken, options),
        };
        return http.Request.Method switch
        {
            "GET" or "HEAD" => request.WithReadHeaders(headers),
            "PUT" => request.WithPutHeaders(headers),
            "COPY" or "MOVE" => request.WithTargetHeaders(headers, http.Request.Host, options.PublicUrl),
            "LOCK" => request with { TimeoutSeconds = ReadTerm(headers, request.IsExplorer) },
            _ => request,
        };
    }

    /// <summary>A read of a file that stands at another URL than the drive's: what HTTP itself says of it.</summary>
    public static DavRequest OfFile(HttpContext http, Caller caller) => new DavRequest
    {
        Http = http,
        Caller = caller,
        Path = NodePath.Root,
        Conditions = ReadHttpConditions(http.Request.Headers),
    }.WithReadHeaders(http.Request.Headers);

    /// <summary>The absolute path of the request's URL, with the names as the client wrote them.</summary>
    public static string HrefOf(HttpContext http, bool isFolder) => DavUrl.Echo(TargetOf(http), isFolder);

    private static string TargetOf(HttpContext http) =>
        http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;

    /// <summary>
    /// Windows asks for an hour, and who only reads meanwhile, or whose laptop sleeps, could no longer save: a working
    /// day at least. What a crashed Office leaves is gone the next morning.
    /// </summary>
    private static int ReadTerm(IHeaderDictionary headers, bool isExplorer)
    {
        var wished = DavHeaders.ReadTimeout(One(headers["Timeout"]));
        return isExplorer || Mentions(headers.UserAgent, "Microsoft Office")
            ? Math.Max(wished, WorkingDaySeconds)
            : wished;
    }

    private DavRequest WithReadHeaders(IHeaderDictionary headers) => this with
    {
        IfModifiedSince = Conditions.IfNoneMatch is null ? DavHeaders.ReadDate(One(headers.IfModifiedSince)) : null,
        IfRange = One(headers.IfRange),
        Range = One(headers.Range),
    };

    private DavRequest WithPutHeaders(IHeaderDictionary headers) => this with
    {
        ModifiedAt = DavHeaders.ReadMtime(One(headers["X-OC-Mtime"])),
        Digests = DavHeaders.ReadChecksums(One(headers["OC-Checksum"])),
        AnnouncedBytes = DavHeaders.ReadAnnouncedBytes(
            headers.ContentLength, One(headers["X-Expected-Entity-Length"])),
        ContentType = DavHeaders.ReadContentType(One(headers.ContentType)),
    };

    private DavRequest WithTargetHeaders(IHeaderDictionary headers, HostString host, Uri? publicUrl) => this with
    {
        Destination = DavUrl.FromDestination(One(headers["Destination"]), host, publicUrl),
        Overwrite = DavHeaders.ReadOverwrite(One(headers["Overwrite"])),
        ModifiedAt = DavHeaders.ReadMtime(One(headers["X-OC-Mtime"])),
    };

    private static WriteConditions ReadConditions(HttpContext http, Guid? lockToken, WebDavOptions options)
    {
        var conditions = ReadHttpConditions(http.Request.Headers);
        var ifHeader = http.Request.Headers["If"] is { Count: > 0 } text
            ? IfHeader.Parse(string.Join(' ', text.ToArray()), http.Request.Host, options.PublicUrl)
            : null;
        if (ifHeader is null && lockToken is null)
            return conditions;
        IReadOnlyCollection<Guid> tokens = ifHeader?.Tokens ?? [];
        return conditions with
        {
            StateLists = ifHeader?.Lists ?? [],
            // Office saves with Lock-Token and no If.
            LockTokens = lockToken is { } token ? [.. tokens, token] : tokens,
        };
    }

    private static WriteConditions ReadHttpConditions(IHeaderDictionary headers)
    {
        var ifMatch = EntityTags.Read(headers.IfMatch, weakMatches: false);
        var ifNoneMatch = EntityTags.Read(headers.IfNoneMatch, weakMatches: true);
        // If-Match goes before a date (RFC 9110, 13.1.4).
        var unmodifiedSince = ifMatch is null ? DavHeaders.ReadDate(One(headers.IfUnmodifiedSince)) : null;
        return ifMatch is null && ifNoneMatch is null && unmodifiedSince is null
            ? WriteConditions.None
            : new() { IfMatch = ifMatch, IfNoneMatch = ifNoneMatch, IfUnmodifiedSince = unmodifiedSince };
    }

    private static bool Mentions(StringValues header, string word) =>
        header.Count > 0 && header.ToString().Contains(word, StringComparison.Ordinal);

    private static string? One(StringValues header) => header.Count == 0 ? null : header.ToString();
}
