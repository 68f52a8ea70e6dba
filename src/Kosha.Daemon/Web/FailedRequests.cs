using Kosha.Daemon.Api;
using Kosha.Storage;
using Kosha.WebDav.Links;
using Microsoft.AspNetCore.Connections;

namespace Kosha.Daemon.Web;

/// <summary>
/// The outermost middleware: answers what nobody inside has answered, and writes one line for each request that failed.
/// Warnings are ours to look at; what clients did wrong is information at most, and a client that went away is no
/// error.
/// </summary>
internal sealed partial class FailedRequests(RequestDelegate next, ILogger<FailedRequests> logger)
{
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
            LogStatus(context, exception: null);
        }
        catch (Exception e) when (IsClientGone(context, e))
        {
            LogGone(logger, context.Request.Method, PathOf(context));
            context.Abort();
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            await AnswerAsync(context, e);
            LogStatus(context, e);
        }
        catch (Exception e)
        {
            LogBroken(logger, e, context.Request.Method, PathOf(context));
            // Half an answer must not look like a whole one.
            context.Abort();
        }
    }

    /// <summary>What follows is a secret: who has a link's path has the link.</summary>
    private static readonly string[] SecretPaths = [LinkEndpoint.Prefix, SharePage.Prefix, VisitEndpoints.Prefix];

    private static string PathOf(HttpContext context) =>
        Array.Find(SecretPaths, prefix =>
            context.Request.Path.StartsWithSegments(prefix, StringComparison.OrdinalIgnoreCase))
        ?? context.Request.Path;

    private static bool IsClientGone(HttpContext context, Exception e) =>
        e is ConnectionResetException or ConnectionAbortedException
        || (e is OperationCanceledException or IOException && context.RequestAborted.IsCancellationRequested);

    private static Task AnswerAsync(HttpContext context, Exception e)
    {
        var (status, words) = e switch
        {
            BadHttpRequestException bad => (bad.StatusCode, "The request is not valid HTTP."),
            StorageException { Fault: StorageFault.Unavailable } fault => (503, fault.Message),
            StorageException { Fault: StorageFault.Damaged } => (500, "The stored bytes are missing or damaged."),
            _ => (500, "Something went wrong inside Kosha; its log says what."),
        };
        context.Response.Clear();
        context.Response.StatusCode = status;
        if (status == StatusCodes.Status503ServiceUnavailable)
            context.Response.Headers.RetryAfter = "5";
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync(words + "\n", context.RequestAborted);
    }

    private void LogStatus(HttpContext context, Exception? exception)
    {
        var status = context.Response.StatusCode;
        if (status < 400)
            return;
        var level = status switch
        {
            // The drive has told its own story already, with the reason.
            >= 500 when exception is null && context.GetEndpoint()?.DisplayName == "WebDAV" => LogLevel.Debug,
            500 => LogLevel.Error,
            501 => LogLevel.Debug,
            > 500 => LogLevel.Warning,
            // The first request of many clients carries no credential; one that carries a wrong one is of interest.
            401 when context.Request.Headers.Authorization.Count > 0 => LogLevel.Information,
            429 => LogLevel.Information,
            _ => LogLevel.Debug,
        };
        // What Kosha says itself, as when the database is away, needs no stack trace.
        if (exception is StorageException or BadHttpRequestException)
            LogRefused(logger, level, context.Request.Method, PathOf(context), status,
                context.Connection.RemoteIpAddress, exception.Message, exception.InnerException?.Message);
        else
            LogFailed(logger, level, exception, context.Request.Method, PathOf(context), status,
                context.Connection.RemoteIpAddress);
    }

    [LoggerMessage("{Method} {Path} failed with {Status} (client {Client}): {Reason} ({Cause})")]
    private static partial void LogRefused(ILogger logger, LogLevel level, string method, string path, int status,
        System.Net.IPAddress? client, string reason, string? cause);

    [LoggerMessage("{Method} {Path} failed with {Status} (client {Client}).")]
    private static partial void LogFailed(ILogger logger, LogLevel level, Exception? exception, string method,
        string path, int status, System.Net.IPAddress? client);

    [LoggerMessage(LogLevel.Debug, "{Method} {Path}: the client went away.")]
    private static partial void LogGone(ILogger logger, string method, string path);

    [LoggerMessage(LogLevel.Error, "{Method} {Path} failed in the middle of the answer.")]
    private static partial void LogBroken(ILogger logger, Exception exception, string method, string path);
}
