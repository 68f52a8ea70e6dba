using Kosha.Storage;
using Kosha.Storage.Tree;
using Kosha.WebDav.Xml;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Kosha.WebDav;

/// <summary>An answer that is not a success.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Message">For people.</param>
/// <param name="Condition">The local name of a DAV: precondition element; null if no RFC names one.</param>
internal readonly record struct Refusal(int Status, string Message, string? Condition = null)
{
    /// <summary>What the condition is about; empty if it needs nothing.</summary>
    public IReadOnlyList<string> Hrefs { get; init; } = [];
}

/// <summary>The one place where a refusal, wherever it arose, becomes a status and an RFC 4918 error body.</summary>
internal sealed partial class DavErrors(RequestDelegate next, ILogger logger)
{
    private const string Challenge = "Basic realm=\"Kosha\", charset=\"UTF-8\"";
    private const string RetryAfterSeconds = "5";

    public async Task InvokeAsync(HttpContext http)
    {
        try
        {
            await next(http);
        }
        catch (Exception e)
        {
            await AnswerAsync(http, e);
        }
    }

    private async Task AnswerAsync(HttpContext http, Exception error)
    {
        var method = http.Request.Method;
        if (http.RequestAborted.IsCancellationRequested
            || error is ConnectionResetException or ConnectionAbortedException)
        {
            LogGone(method, error);
            return;
        }
        var refusal = Translate(method, error);
        // A database that is away explains itself; what answers 500 is a bug or damage, and needs looking at.
        if (refusal.Status == StatusCodes.Status500InternalServerError)
            LogFailed(method, error);
        else if (error is StorageException { Fault: StorageFault.NoSpace or StorageFault.Unavailable } trouble)
            LogTrouble(method, error.Message, trouble.InnerException?.Message);
        else
            LogRefused(method, refusal.Status, error.Message);
        if (http.Response.HasStarted)
        {
            // The client must see a broken answer, never a shorter file or listing that looks whole.
            http.Abort();
            return;
        }
        http.Response.Clear();
        await WriteAsync(http, refusal);
    }

    internal static Refusal Translate(string method, Exception error) => error switch
    {
        DavException e => new(e.Status, e.Message, e.Condition),
        StorageException e => Translate(method, e),
        BadHttpRequestException e => new(e.StatusCode, e.Message),
        _ => new(500, "The server failed. Its log says why."),
    };

    private static Refusal Translate(string method, StorageException e) => e.Fault switch
    {
        StorageFault.NotFound => new(404, e.Message),
        StorageFault.ParentMissing => new(409, e.Message),
        StorageFault.AlreadyExists => new(method == "MKCOL" ? 405 : 412, e.Message),
        StorageFault.WrongKind => new(method is "MKCOL" or "PUT" ? 405 : 409, e.Message),
        StorageFault.InvalidName or StorageFault.InvalidValue or StorageFault.DigestMismatch => new(400, e.Message),
        StorageFault.ConditionFailed => new(412, e.Message),
        StorageFault.Locked => Locked(method, e),
        StorageFault.LockTokenUnknown => new(409, e.Message, "lock-token-matches-request-uri"),
        StorageFault.QuotaExceeded => new(507, e.Message, "quota-not-exceeded"),
        StorageFault.NoSpace => new(507, e.Message, "sufficient-disk-space"),
        StorageFault.LimitReached => new(method == "LOCK" ? 403 : 507, e.Message),
        StorageFault.FileTooLarge => new(413, e.Message),
        StorageFault.Cycle or StorageFault.RootIsFixed or StorageFault.NotAllowed => new(403, e.Message),
        StorageFault.CredentialRevoked or StorageFault.PasswordNeeded => new(401, e.Message),
        // Of uploads by the API.
        StorageFault.BytesMissing => new(409, e.Message),
        StorageFault.UploadOver => new(410, e.Message),
        // Of plans.
        StorageFault.InUse => new(409, e.Message),
        StorageFault.Unavailable => new(503, e.Message),
        _ => new(500, e.Message),
    };

    /// <summary>
    /// A LOCK that a member forbids must be a multistatus (RFC 4918, 9.10.3). DELETE, COPY and MOVE may be 207 or 423
    /// (9.6.1, 9.8.5, 9.9.4): it is 423, because nothing was done, and rclone and gvfs take 207 for success.
    /// </summary>
    private static Refusal Locked(string method, StorageException e)
    {
        var isLock = method == "LOCK";
        IReadOnlyList<NodePath> paths = e.LockedPath is { } path ? [path] : e.LockedMembers;
        return new(
            isLock && e.LockedMembers.Count > 0 ? StatusCodes.Status207MultiStatus : StatusCodes.Status423Locked,
            e.Message, isLock ? "no-conflicting-lock" : "lock-token-submitted")
        {
            Hrefs = [.. paths.Select(locked => DavUrl.Href(locked, isFolder: false))],
        };
    }

    private static async Task WriteAsync(HttpContext http, Refusal refusal)
    {
        var response = http.Response;
        response.StatusCode = refusal.Status;
        if (refusal.Status == StatusCodes.Status401Unauthorized)
            response.Headers.WWWAuthenticate = Challenge;
        if (refusal.Status == StatusCodes.Status503ServiceUnavailable)
            response.Headers.RetryAfter = RetryAfterSeconds;
        if (refusal.Status == StatusCodes.Status405MethodNotAllowed)
            response.Headers.Allow = WebDavEndpoints.Allow;
        if (HttpMethods.IsHead(http.Request.Method))
            return;
        using var output = new XmlOutput(response);
        if (refusal.Status == StatusCodes.Status207MultiStatus)
            WriteMembers(output, refusal, http.Request);
        else
            WriteBody(output, refusal);
        await output.CompleteAsync(http.RequestAborted);
    }

    /// <summary>Which members are locked, and that the folder for this reason is not (RFC 4918, 9.10.9).</summary>
    private static void WriteMembers(XmlOutput output, in Refusal refusal, HttpRequest request)
    {
        var answer = new MultiStatus(output);
        answer.Begin();
        foreach (var member in refusal.Hrefs)
        {
            answer.BeginResponse(member);
            answer.Status(StatusCodes.Status423Locked);
            output.Raw($"<D:error><D:{refusal.Condition}/></D:error>");
            answer.EndResponse();
        }
        answer.Response(
            DavRequest.HrefOf(request.HttpContext, isFolder: true), StatusCodes.Status424FailedDependency);
        answer.End();
    }

    /// <summary>The message stands where ownCloud's servers put it, because rclone shows it to its user.</summary>
    private static void WriteBody(XmlOutput output, in Refusal refusal)
    {
        output.Raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"u8);
        output.Raw("<D:error xmlns:D=\"DAV:\" xmlns:s=\"http://sabredav.org/ns\">"u8);
        if (refusal is { Condition: { } condition, Hrefs.Count: > 0 })
        {
            output.Raw($"<D:{condition}>");
            foreach (var href in refusal.Hrefs)
                output.Raw($"<D:href>{href}</D:href>");
            output.Raw($"</D:{condition}>");
        }
        else if (refusal.Condition is { } alone)
            output.Raw($"<D:{alone}/>");
        output.Raw("<s:message>"u8);
        output.Text(refusal.Message);
        output.Raw("</s:message></D:error>"u8);
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Method}: the client went away")]
    private partial void LogGone(string method, Exception error);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Method} refused with {Status}: {Reason}")]
    private partial void LogRefused(string method, int status, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Method} refused: {Reason} ({Cause})")]
    private partial void LogTrouble(string method, string reason, string? cause);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} failed")]
    private partial void LogFailed(string method, Exception error);
}
