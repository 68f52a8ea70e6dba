using System.Threading.RateLimiting;
using Kosha.Daemon.Api;
using Kosha.Daemon.Auth;
using Kosha.Daemon.Configuration;

namespace Kosha.Daemon.Web;

/// <summary>
/// Middleware that refuses requests beyond what one daemon does at once, over all and of one address. It counts a
/// request until its answer begins: a slow client that takes its time to receive keeps nobody out. ASP.NET Core's own
/// middleware around the same limiter would count it to the end. Whether Kosha lives is always answered.
/// </summary>
internal sealed class Shedding : IDisposable
{
    private const string RetrySeconds = "2";

    private static readonly PathString[] Exempt = ["/healthz", "/readyz"];

    private readonly RequestDelegate next;
    private readonly PartitionedRateLimiter<HttpContext>? limiter;

    public Shedding(RequestDelegate next, RequestLimits limits)
    {
        this.next = next;
        PartitionedRateLimiter<HttpContext>[] parts =
        [
            .. Limit(limits.ConcurrentRequestsPerAddress,
                http => ClientAddress.Of(http.Connection.RemoteIpAddress)),
            .. Limit(limits.ConcurrentRequests, _ => ""),
        ];
        limiter = parts.Length == 0 ? null : PartitionedRateLimiter.CreateChained(parts);
    }

    /// <summary>None for 0.</summary>
    private static IEnumerable<PartitionedRateLimiter<HttpContext>> Limit(int most, Func<HttpContext, string> part)
    {
        if (most > 0)
            yield return PartitionedRateLimiter.Create<HttpContext, string>(http =>
                RateLimitPartition.GetConcurrencyLimiter(part(http), _ => new() { PermitLimit = most }));
    }

    public void Dispose() => limiter?.Dispose();

    public async Task InvokeAsync(HttpContext context)
    {
        if (limiter is null || Array.Exists(Exempt, path => context.Request.Path == path))
        {
            await next(context);
            return;
        }
        using var lease = limiter.AttemptAcquire(context);
        if (!lease.IsAcquired)
        {
            await RefuseAsync(context);
            return;
        }
        context.Response.OnStarting(static held =>
        {
            ((RateLimitLease)held).Dispose();
            return Task.CompletedTask;
        }, lease);
        await next(context);
    }

    private static Task RefuseAsync(HttpContext context)
    {
        const string Message = "The server has too much to do just now. Try again in a moment.";
        context.Response.Headers.RetryAfter = RetrySeconds;
        if (ApiErrors.Covers(context.Request.Path))
            return ApiProblem.Of(StatusCodes.Status503ServiceUnavailable, Message).WriteAsync(context);
        context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync(Message + "\n", context.RequestAborted);
    }
}
