using Kosha.Daemon.Auth;
using Kosha.Storage.Accounts;
using Microsoft.AspNetCore.Mvc;

namespace Kosha.Daemon.Api;

/// <summary><c>/api/account/two-factor</c>: a code beside the password, from an authenticator (RFC 6238).</summary>
internal sealed class TwoFactorEndpoints(
    UserTable users, TwoFactorTable table, SecondFactor codes, OwnPassword own)
{
    private const string Route = AccountEndpoints.Route + "/two-factor";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<TwoFactorEndpoints>();
        var group = routes.MapGroup(Route).WithTags("Two-factor sign-in").For(ApiAccess.Account)
            .ProducesProblem(400).ProducesProblem(401).ProducesProblem(403).ProducesProblem(429).ProducesProblem(503);
        group.MapPost("", self.BeginAsync).WithSummary("Gives a secret for an authenticator; nothing changes yet")
            .Produces<TwoFactorAnswer>().ProducesProblem(409).WithRequestExample(AccountExamples.Confirmation)
            .WithAnswerExample(200, AccountExamples.TwoFactor);
        group.MapPost("confirm", self.ConfirmAsync)
            .WithSummary("Switches it on by a first code; all other sessions end, and devices need app passwords")
            .Produces<RecoveryCodeList>().ProducesProblem(404).ProducesProblem(409)
            .WithRequestExample(AccountExamples.ConfirmTwoFactor)
            .WithAnswerExample(200, AccountExamples.RecoveryCodes);
        group.MapPost("recovery-codes", self.RenewCodesAsync).WithSummary("Ten new recovery codes; the old ones end")
            .Produces<RecoveryCodeList>().ProducesProblem(404).WithRequestExample(AccountExamples.Confirmation)
            .WithAnswerExample(200, AccountExamples.RecoveryCodes);
        group.MapDelete("", self.EndAsync).WithSummary("Switches it off; all other sessions end").Produces(204)
            .ProducesProblem(404).WithRequestExample(AccountExamples.Confirmation);
    }

    private async Task<IResult> BeginAsync(Confirmation body, HttpContext http)
    {
        if (await own.RefusalAsync(http, body.Password) is { } refusal)
            return refusal;
        var caller = ApiCaller.Of(http);
        var seed = await codes.BeginAsync(caller, http.RequestAborted);
        var account = await users.AccountAsync(caller, http.RequestAborted);
        return Results.Ok(new TwoFactorAnswer(Totp.ToText(seed), Totp.UriOf(seed, account.Username)));
    }

    private async Task<IResult> ConfirmAsync(ConfirmTwoFactor body, HttpContext http)
    {
        var (refusal, recovery) = await own.ConfirmCodesAsync(http, body.Code);
        return refusal ?? Results.Ok(new RecoveryCodeList(recovery));
    }

    private async Task<IResult> RenewCodesAsync(Confirmation body, HttpContext http) =>
        await own.RefusalAsync(http, body)
        ?? Results.Ok(new RecoveryCodeList(await codes.RenewCodesAsync(ApiCaller.Of(http), http.RequestAborted)));

    private async Task<IResult> EndAsync([FromBody] Confirmation body, HttpContext http)
    {
        if (await own.RefusalAsync(http, body) is { } refusal)
            return refusal;
        await table.EndAsync(ApiCaller.Of(http), http.RequestAborted);
        return Results.NoContent();
    }
}
