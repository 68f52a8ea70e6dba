using Kosha.Daemon.Api;
using Kosha.Storage;
using Kosha.Storage.Accounts;

namespace Kosha.Daemon.Auth;

/// <summary>
/// Middleware before /dav and /api: Basic authentication; on /dav nothing else counts. A verified request carries a
/// <see cref="Caller"/> among its features; that of a session has one already. OPTIONS passes without one: it reveals
/// nothing, and the preflights of browsers carry no credential. So do endpoints that are for everybody.
/// </summary>
internal sealed class BasicAuthentication(RequestDelegate next, SignIn signIn, ShareMounts mounts)
{
    public const string Path = "/dav";

    public async Task InvokeAsync(HttpContext context)
    {
        if (!(context.Request.Path.StartsWithSegments(Path, StringComparison.OrdinalIgnoreCase)
                || ApiErrors.Covers(context.Request.Path))
            || HttpMethods.IsOptions(context.Request.Method) || context.Features.Get<Caller>() is not null
            || context.GetEndpoint()?.Metadata.GetMetadata<ApiAccessRule>()?.Access == ApiAccess.Anyone)
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
        var address = ClientAddress.Exactly(context);
        var result = await FindAsync(context, header, address);
        if (result.Caller is { } caller)
        {
            await RunAsync(context, header, caller with { Address = address });
            return;
        }
        var (status, message) = SignInAnswers.Of(context.Response, result);
        await (status == StatusCodes.Status401Unauthorized
            ? ChallengeAsync(context, message) : AnswerAsync(context, status, message));
    }

    /// <summary>
    /// Shared folders are mounted, and reach nothing of the API but what is for everybody. Users who are remembered are
    /// not asked for a link with each request.
    /// </summary>
    private async Task<SignInResult> FindAsync(HttpContext context, string header, string address)
    {
        var ct = context.RequestAborted;
        var found = ApiErrors.Covers(context.Request.Path)
            ? null
            : await signIn.RememberedAsync(header, ct) ?? await mounts.FindAsync(header, address, ct);
        return found ?? await signIn.AuthenticateAsync(header, address, ct);
    }

    private async Task RunAsync(HttpContext context, string header, Caller caller)
    {
        context.Features.Set(caller);
        try
        {
            await next(context);
            if (context.Response.StatusCode == StatusCodes.Status401Unauthorized)
                Forget(header);
        }
        catch (StorageException e) when (e.Fault == StorageFault.CredentialRevoked && !context.Response.HasStarted)
        {
            Forget(header);
            await ChallengeAsync(context, "The password has been changed or revoked.");
        }
    }

    private void Forget(string header)
    {
        signIn.Forget(header);
        mounts.Forget(header);
    }

    /// <remarks>
    /// The API takes Basic, and does not ask for it by that name: the browser would open a window of its own before the
    /// page that called, and send that password with every call from then on.
    /// </remarks>
    private static Task ChallengeAsync(HttpContext context, string message)
    {
        var scheme = ApiErrors.Covers(context.Request.Path) ? "Kosha" : "Basic";
        context.Response.Headers.WWWAuthenticate = $"{scheme} realm=\"Kosha\", charset=\"UTF-8\"";
        return AnswerAsync(context, StatusCodes.Status401Unauthorized, message);
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
