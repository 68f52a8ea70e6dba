using System.Globalization;
using System.Text.Json;
using Kosha.Storage;
using Microsoft.AspNetCore.Http.Features;

namespace Kosha.Daemon.Api;

/// <summary>
/// Middleware around the API: what is refused, wherever, becomes a problem (RFC 9457); bodies are small, and JSON
/// alone, which no page of another origin can send without asking first.
/// </summary>
internal sealed partial class ApiErrors(RequestDelegate next, ILogger<ApiErrors> logger)
{
    public const string Path = "/api";

    private const long MaxBodyBytes = 1 << 20;

    public static bool Covers(PathString path) => path.StartsWithSegments(Path, StringComparison.OrdinalIgnoreCase);

    public async Task InvokeAsync(HttpContext context)
    {
        if (!Covers(context.Request.Path))
        {
            await next(context);
            return;
        }
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = MaxBodyBytes;
        try
        {
            // An answer may hold a signed URL.
            context.Response.Headers.CacheControl = "no-store";
            if (HasBody(context.Request.Method) && !context.Request.HasJsonContentType())
                await ApiProblem.Of(StatusCodes.Status415UnsupportedMediaType).WriteAsync(context);
            else
                await next(context);
            if (context.Response is { StatusCode: >= 400, HasStarted: false, ContentType: null, ContentLength: null })
                await ApiProblem.Of(context.Response.StatusCode).WriteAsync(context);
        }
        catch (Exception e) when (!context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested)
        {
            await AnswerAsync(context, e);
        }
    }

    private static bool HasBody(string method) => HttpMethods.IsPost(method) || HttpMethods.IsPatch(method);

    private async Task AnswerAsync(HttpContext context, Exception e)
    {
        var problem = Translate(e);
        if (problem.Status == StatusCodes.Status500InternalServerError)
            LogFailed(logger, e, context.Request.Method);
        else if (e is StorageException { Fault: StorageFault.NoSpace or StorageFault.Unavailable } trouble)
            LogTrouble(logger, context.Request.Method, e.Message, trouble.InnerException?.Message);
        context.Response.Clear();
        context.Response.Headers.CacheControl = "no-store";
        if (e is StorageException { RetryAfter: { } wait })
            context.Response.Headers.RetryAfter =
                Math.Ceiling(wait.TotalSeconds).ToString("F0", CultureInfo.InvariantCulture);
        await problem.WriteAsync(context);
    }

    internal static ApiProblem Translate(Exception e) => e switch
    {
        StorageException refused => ApiProblem.Of(refused),
        BadHttpRequestException { InnerException: JsonException json } bad => ApiProblem.Of(
            bad.StatusCode, json.Path is { Length: > 0 } at ? $"The JSON cannot be read at {at}." : null),
        BadHttpRequestException bad => ApiProblem.Of(bad.StatusCode),
        _ => ApiProblem.Of(StatusCodes.Status500InternalServerError, "The server failed. Its log says why."),
    };

    [LoggerMessage(LogLevel.Warning, "{Method} of the API refused: {Reason} ({Cause})")]
    private static partial void LogTrouble(ILogger logger, string method, string reason, string? cause);

    [LoggerMessage(LogLevel.Error, "{Method} of the API failed.")]
    private static partial void LogFailed(ILogger logger, Exception exception, string method);
}
