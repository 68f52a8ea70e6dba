using Kosha.Daemon.Auth;
using Kosha.Storage.Accounts;

namespace Kosha.Daemon.Api;

/// <summary>
/// <c>/api/session</c>: signing in with a cookie, and out; <c>/api/sessions</c>: where one is signed in.
/// </summary>
internal sealed class SessionEndpoints(SessionTable sessions, SignIn signIn, SessionCookie cookie)
{
    public const string Current = ApiErrors.Path + "/session";
    private const string All = ApiErrors.Path + "/sessions";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<SessionEndpoints>();
        var group = routes.MapGroup("").WithTags("Sessions").For(ApiAccess.Account)
            .ProducesProblem(401).ProducesProblem(429).ProducesProblem(503);
        group.MapPost(Current, self.BeginAsync).WithSummary("Signs a browser in, by a cookie")
            .For(ApiAccess.Anyone).Produces<SignedInAnswer>().ProducesProblem(400).ProducesProblem(403)
            .WithRequestExample(new BeginSession { Username = "ada", Password = "a long password", Remember = true });
        group.MapGet(Current, (Delegate)self.WhoAsync).WithSummary("Who is signed in").Produces<SignedInAnswer>()
            .ProducesProblem(403);
        group.MapDelete(Current, (Delegate)self.EndCurrentAsync).WithSummary("Signs out").For(ApiAccess.Anyone)
            .Produces(204).ProducesProblem(403);
        group.MapGet(All, (Delegate)self.ListAsync).WithSummary("Browsers in which one is signed in")
            .Produces<SessionList>().ProducesProblem(403);
        group.MapDelete(All, (Delegate)self.EndOthersAsync).WithSummary("Signs out everywhere else").Produces(204)
            .ProducesProblem(403);
        group.MapDelete(All + "/{id:long}", self.EndAsync).WithSummary("Signs out there").Produces(204)
            .ProducesProblem(403).ProducesProblem(404);
    }

    private async Task<IResult> BeginAsync(BeginSession body, HttpContext http)
    {
        var address = ClientAddress.Exactly(http);
        var result = BasicCredential.Of(body.Username, body.Password) is { } credential
            ? await signIn.VerifyAccountAsync(credential, body.Code, address, http.RequestAborted)
            : SignInResult.Refused;
        if (result.Caller is not { } verified)
            return Refusal(http.Response, result);
        var caller = await sessions.AddAsync(verified with { Address = address }, cookie.Give(http, body.Remember),
            body.Remember, AgentOf(http.Request), http.RequestAborted);
        // One browser has one session; whoever put another one there does not share this.
        if (cookie.FindHash(http.Request) is { } before)
            await sessions.EndAsync(before, address, http.RequestAborted);
        return Results.Ok(await DescribeAsync(caller, http.RequestAborted));
    }

    private static IResult Refusal(HttpResponse response, SignInResult refused)
    {
        if (refused.AwaitsCode is not null)
            return ApiProblem.TwoFactorRequired.ToResult();
        var (status, message) = SignInAnswers.Of(response, refused);
        return ApiProblem.Of(status, message).ToResult();
    }

    private static string? AgentOf(HttpRequest request)
    {
        var agent = new string([.. request.Headers.UserAgent.ToString().Where(c => c is >= ' ' and <= '~')]);
        return agent.Length == 0 ? null : agent[..Math.Min(agent.Length, SessionTable.MaxUserAgentLength)];
    }

    private async Task<SignedInAnswer> DescribeAsync(Caller caller, CancellationToken ct)
    {
        var identity = await sessions.IdentityAsync(caller, ct);
        return new()
        {
            Username = identity.Username, Email = identity.Email, IsAdmin = identity.IsAdmin,
            SessionId = caller.SessionId,
        };
    }

    private async Task<IResult> WhoAsync(HttpContext http) =>
        Results.Ok(await DescribeAsync(ApiCaller.Of(http), http.RequestAborted));

    private async Task<IResult> EndCurrentAsync(HttpContext http)
    {
        if (cookie.FindHash(http.Request) is { } hash)
            await sessions.EndAsync(hash, ClientAddress.Exactly(http), http.RequestAborted);
        cookie.Take(http);
        return Results.NoContent();
    }

    private async Task<IResult> ListAsync(HttpContext http)
    {
        var caller = ApiCaller.Of(http);
        var found = await sessions.ListAsync(caller, http.RequestAborted);
        return Results.Ok(new SessionList([.. found.Select(session => Describe(session, caller))]));
    }

    private static SessionAnswer Describe(SessionRow session, Caller caller) => new()
    {
        Id = session.Id,
        IsCurrent = session.Id == caller.SessionId,
        IsRemembered = session.IsRemembered,
        UserAgent = session.UserAgent,
        Created = session.CreatedAt,
        LastUsed = session.LastUsedAt,
        Expires = session.ExpiresAt,
    };

    private async Task<IResult> EndOthersAsync(HttpContext http)
    {
        await sessions.EndOthersAsync(ApiCaller.Of(http), http.RequestAborted);
        return Results.NoContent();
    }

    private async Task<IResult> EndAsync(long id, HttpContext http)
    {
        await sessions.EndAsync(ApiCaller.Of(http), id, http.RequestAborted);
        return Results.NoContent();
    }
}
