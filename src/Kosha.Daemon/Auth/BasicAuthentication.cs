using System.Globalization;
using Kosha.Daemon.Api;
using Kosha.Storage;
using Kosha.Storage.Accounts;

namespace Kosha.Daemon.Auth;

/// <summary>
/// Middleware before /dav and /api: Basic authentication, and nothing else; no cookie is looked at. A verified request
/// carries a <see cref="Caller"/> among its features. OPTIONS passes without one: it reveals nothing, and the
/// preflights of browsers carry no credential.
/// </summary>
internal sealed class BasicAuthentication(RequestDelegate next, SignIn signIn)
{
    public const string Path = "/dav";

    public async Task InvokeAsync(HttpContext context)
    {
        if (!(context.Request.Path.StartsWithSegments(Path, StringComparison.OrdinalIgnoreCase)
                || ApiErrors.Covers(context.Request.Path))
            || HttpMethods.IsOptions(context.Request.Method))
        {
            await next(context);
            return;
        }
        string? header = context.Request.Headers.Authorization;
        if (string.IsNullOrEmpty(header))
        {
            await ChallengeAsync(context, "Sign in with your username and a password or app password.");
            return;
        }
        var address = ClientAddress.Of(context.Connection.RemoteIpAddress);
        var result = await signIn.AuthenticateAsync(header, address, context.RequestAborted);
        if (result.Caller is { } caller)
            await RunAsync(context, header, caller);
        else if (result.RetryAfter is { } wait)
            await RefuseAsync(context, result.IsBusy, wait);
        else
            await ChallengeAsync(context, "The name or the password is wrong, or the account is disabled.");
    }

    private async Task RunAsync(HttpContext context, string header, Caller caller)
    {
        context.Features.Set(caller);
        try
        {
            await next(context);
            if (context.Response.StatusCode == StatusCodes.Status401Unauthorized)
                signIn.Forget(header);
        }
        catch (StorageException e) when (e.Fault == StorageFault.CredentialRevoked && !context.Response.HasStarted)
        {
            signIn.Forget(header);
            await ChallengeAsync(context, "The password has been changed or revoked.");
        }
    }

    private static Task ChallengeAsync(HttpContext context, string message)
    {
        context.Response.Headers.WWWAuthenticate = "Basic realm=\"Kosha\", charset=\"UTF-8\"";
        return AnswerAsync(context, StatusCodes.Status401Unauthorized, message);
    }

    private static Task RefuseAsync(HttpContext context, bool isBusy, TimeSpan wait)
    {
        var seconds = (int)Math.Ceiling(wait.TotalSeconds);
        context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        return isBusy
            ? AnswerAsync(context, StatusCodes.Status503ServiceUnavailable, "Too many sign-ins at once. Try again.")
            : AnswerAsync(context, StatusCodes.Status429TooManyRequests,
                $"Too many failed sign-ins from this address. Try again in {seconds} seconds.");
    }

    private static Task AnswerAsync(HttpContext context, int status, string message)
    {
        if (ApiErrors.Covers(context.Request.Path))
            return ApiProblem.Of(status, message).WriteAsync(context);
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync(message + "\n", context.RequestAborted);
    }
}
