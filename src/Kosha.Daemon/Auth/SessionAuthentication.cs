using Kosha.Daemon.Api;
using Kosha.Storage.Accounts;

namespace Kosha.Daemon.Auth;

/// <summary>
/// Middleware before the API: the cookie of a browser that is signed in. Whoever sends an Authorization header is not
/// looked at here, and no other path looks at cookies. A call that changes something must not come from a page of
/// another origin. A cookie that is nobody's stays: another tab may just be getting a new one.
/// </summary>
internal sealed class SessionAuthentication(RequestDelegate next, SessionTable sessions, SessionCookie cookie)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        if (!ApiErrors.Covers(request.Path) || request.Headers.Authorization.Count > 0
            || HttpMethods.IsOptions(request.Method))
        {
            await next(context);
            return;
        }
        if (!IsSafe(request.Method) && cookie.IsFromElsewhere(request))
        {
            await ApiProblem.Of(StatusCodes.Status403Forbidden, "A page of another origin may not do this.")
                .WriteAsync(context);
            return;
        }
        if (cookie.FindHash(request) is { } hash
            && await sessions.FindAsync(hash, context.RequestAborted) is { } caller)
            context.Features.Set(caller with { Address = ClientAddress.Exactly(context) });
        await next(context);
    }

    private static bool IsSafe(string method) => HttpMethods.IsGet(method) || HttpMethods.IsHead(method);
}
