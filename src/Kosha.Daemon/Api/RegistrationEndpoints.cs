using Kosha.Daemon.Auth;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;

namespace Kosha.Daemon.Api;

/// <summary><c>/api/register</c>, where the settings let it, and <c>/api/admin/invites</c>.</summary>
internal sealed class RegistrationEndpoints(
    UserTable users, InviteTable invites, SignInFailures attempts, CountedLimits limits, SignIn signIn,
    KoshaOptions options)
{
    public const int EmailsByAddressAndDay = 20;

    public const int InviteDays = 14;

    private const string Invites = ApiErrors.Path + "/admin/invites";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<RegistrationEndpoints>();
        routes.MapPost(ApiErrors.Path + "/register", self.RegisterAsync).WithTags("Registration")
            .For(ApiAccess.Anyone).WithSummary("Makes an account of one's own, where that is allowed")
            .Produces<RegisteredAnswer>(201).ProducesProblem(400).ProducesProblem(403).ProducesProblem(409)
            .ProducesProblem(429).ProducesProblem(503).WithRequestExample(AccountExamples.Register)
            .WithAnswerExample(201, AccountExamples.Registered);
        var group = routes.MapGroup(Invites).WithTags("Administration: invites").For(ApiAccess.Admin)
            .ProducesProblem(401).ProducesProblem(403).ProducesProblem(503);
        group.MapGet("", (Delegate)self.ListAsync).WithSummary("Invites that are good, without the secrets")
            .Produces<InviteList>().WithAnswerExample(200, AccountExamples.Invites);
        group.MapPost("", self.AddAsync).WithSummary("Makes an invite; the answer shows the secret, once")
            .Produces<NewInviteAnswer>(201).ProducesProblem(400).ProducesProblem(429)
            .WithRequestExample(AccountExamples.AddInvite).WithAnswerExample(201, AccountExamples.NewInvite);
        group.MapDelete("{id:long}", self.RevokeAsync).WithSummary("Takes an invite back").Produces(204)
            .ProducesProblem(404);
    }

    private async Task<IResult> RegisterAsync(Register body, HttpContext http)
    {
        var ct = http.RequestAborted;
        if (options.AccountsRegistration == RegistrationMode.Closed)
            throw new StorageException(StorageFault.NotAllowed, "Nobody can register here. Ask who runs this server.");
        var address = ClientAddress.Of(http.Connection.RemoteIpAddress);
        await CountAsync(address, hasEmail: body.Email is { Length: > 0 }, ct);
        var invite = await FindInviteAsync(body.Invite, ct);
        AccountEndpoints.RequireGood(body.Password);
        UserTable.CheckUsername(body.Username);
        await users.AddAsync(new(body.Username, await signIn.HashAsync(body.Password, ct))
        {
            Email = body.Email is { Length: > 0 } email ? email : null,
            InviteHash = invite,
            MostPerDay = invite is null ? options.AccountsRegistrationsPerDay : null,
            Told = new(AuditActions.Register) { Address = ClientAddress.Exactly(http) },
        }, ct);
        return Results.Created((string?)null, new RegisteredAnswer(body.Username));
    }

    /// <summary>
    /// Counted before anything is looked at, so that nobody tries names or invites by the thousand; each costs a slow
    /// hash.
    /// </summary>
    /// <exception cref="StorageException">LimitReached.</exception>
    private async Task CountAsync(string address, bool hasEmail, CancellationToken ct)
    {
        var wait = await limits.CountAttemptAsync(LimitKind.Registration, address, ct);
        // A refusal says whether an email is taken.
        if (wait is null && hasEmail)
            wait = await attempts.CountAttemptAsync(
                $"register emails {address}", EmailsByAddressAndDay, TimeSpan.FromDays(1), ct);
        if (wait is not null)
            throw new StorageException(StorageFault.LimitReached,
                "Too many registrations from this address. Try again later.") { RetryAfter = wait };
    }

    /// <exception cref="StorageException">NotAllowed: there is none, and one is needed, or it is not good.</exception>
    private async Task<byte[]?> FindInviteAsync(string? secret, CancellationToken ct)
    {
        if (string.IsNullOrEmpty(secret) && options.AccountsRegistration == RegistrationMode.Open)
            return null;
        return AppPasswordSecret.Hash(secret ?? "") is { } hash && await invites.IsGoodAsync(hash, ct)
            ? hash
            : throw InviteTable.NotGood();
    }

    private async Task<IResult> ListAsync(HttpContext http) => Results.Ok(new InviteList(
        [.. (await invites.ListAsync(http.RequestAborted)).Select(Describe)]));

    private static InviteAnswer Describe(InviteRow row) => new()
    {
        Id = row.Id, Note = row.Note, Plan = row.Plan, Created = row.CreatedAt, Expires = row.ExpiresAt,
    };

    private async Task<IResult> AddAsync(AddInvite body, HttpContext http)
    {
        var secret = AppPasswordSecret.New();
        var id = await invites.AddAsync(AppPasswordSecret.HashOfNew(secret), body.Note ?? "", body.Plan ?? "default",
            body.Days ?? InviteDays, new(AuditActions.InviteAdd, ApiCaller.Of(http)), http.RequestAborted);
        return Results.Created($"{Invites}/{id}", new NewInviteAnswer { Id = id, Secret = secret });
    }

    private async Task<IResult> RevokeAsync(long id, HttpContext http)
    {
        await invites.RevokeAsync(
            id, new(AuditActions.InviteRevoke, ApiCaller.Of(http)), http.RequestAborted);
        return Results.NoContent();
    }
}
