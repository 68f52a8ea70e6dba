using Kosha.Storage;
using Kosha.Storage.Accounts;

namespace Kosha.Daemon.Api;

/// <summary>Who may call an endpoint. Every endpoint of the API says so; one that does not serves nobody.</summary>
internal enum ApiAccess
{
    /// <summary>Also who is not signed in.</summary>
    Anyone,

    /// <summary>Whoever reaches the user's files, also by an app password; one that only reads by GET and HEAD.
    /// </summary>
    Files,

    /// <summary>The user's own password or a session; app passwords reach files alone.</summary>
    Account,

    /// <summary>The same, of an administrator.</summary>
    Admin,
}

/// <summary>Middleware of the API, behind the authentication: whether this caller may call this endpoint.</summary>
internal sealed class ApiAccessCheck(RequestDelegate next, SessionTable sessions)
{
    public async Task InvokeAsync(HttpContext context)
    {
        // What routing itself answers with (405) is no route of ours.
        if (ApiErrors.Covers(context.Request.Path) && context.GetEndpoint() is RouteEndpoint endpoint)
            await RequireAsync(endpoint.Metadata.GetMetadata<ApiAccessRule>(), context);
        await next(context);
    }

    private async Task RequireAsync(ApiAccessRule? rule, HttpContext context)
    {
        var access = rule?.Access ?? throw new InvalidOperationException("The endpoint does not say who may call it.");
        if (access == ApiAccess.Anyone)
            return;
        var caller = ApiCaller.Of(context);
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
            caller.RequireWrite();
        if (access != ApiAccess.Files && caller.AppPasswordId is not null)
            throw new StorageException(StorageFault.NotAllowed, "An app password reaches files, and not the account.");
        if (access == ApiAccess.Admin && !(await sessions.IdentityAsync(caller, context.RequestAborted)).IsAdmin)
            throw new StorageException(StorageFault.NotAllowed, "This is for administrators.");
    }
}

/// <summary>What an endpoint says of its callers.</summary>
internal sealed record ApiAccessRule(ApiAccess Access);

/// <summary>The word by which an endpoint, or a group of them, says who may call it.</summary>
internal static class ApiAccessRules
{
    /// <summary>The word of an endpoint counts more than that of its group.</summary>
    public static TBuilder For<TBuilder>(this TBuilder builder, ApiAccess access)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(new ApiAccessRule(access));
}
