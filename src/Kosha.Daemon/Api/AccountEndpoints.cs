using Kosha.Daemon.Auth;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Microsoft.AspNetCore.Mvc;

namespace Kosha.Daemon.Api;

/// <summary><c>/api/account</c>: one's own account, its password, and its end.</summary>
internal sealed class AccountEndpoints(UserTable users, OwnPassword own, DataFolder folder)
{
    public const string Route = ApiErrors.Path + "/account";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<AccountEndpoints>();
        var group = routes.MapGroup(Route).WithTags("Account").For(ApiAccess.Account)
            .ProducesProblem(401).ProducesProblem(403).ProducesProblem(503);
        group.MapGet("", (Delegate)self.GetAsync).WithSummary("One's own account").Produces<AccountAnswer>()
            .WithAnswerExample(200, AccountExamples.Account);
        group.MapPatch("", self.ChangeAsync).WithSummary("Changes the email").Produces<AccountAnswer>()
            .ProducesProblem(400).ProducesProblem(409).WithRequestExample(AccountExamples.ChangeAccount)
            .WithAnswerExample(200, AccountExamples.Account);
        group.MapPut("password", self.SetPasswordAsync)
            .WithSummary("Sets a new password; all other sessions end, app passwords stay").Produces(204)
            .ProducesProblem(400).ProducesProblem(429).WithRequestExample(AccountExamples.ChangePassword);
        group.MapDelete("", self.DeleteAsync)
            .WithSummary("Ends the account at once; all its files are removed for good soon after").Produces(204)
            .ProducesProblem(400).ProducesProblem(429).WithRequestExample(AccountExamples.ConfirmByPassword);
    }

    private async Task<IResult> GetAsync(HttpContext http)
    {
        var account = await users.AccountAsync(ApiCaller.Of(http), http.RequestAborted);
        return Results.Ok(new AccountAnswer
        {
            Username = account.Username,
            Email = account.Email,
            IsAdmin = account.IsAdmin,
            Plan = account.Plan,
            TwoFactor = account.HasTwoFactor,
            Created = account.CreatedAt,
        });
    }

    private async Task<IResult> ChangeAsync([FromBody] ChangeAccount body, HttpContext http)
    {
        if (body.Email is { } email)
            await users.SetEmailAsync(ApiCaller.Of(http), email.Length == 0 ? null : email, http.RequestAborted);
        return await GetAsync(http);
    }

    private async Task<IResult> SetPasswordAsync([FromBody] ChangePassword body, HttpContext http)
    {
        var caller = ApiCaller.Of(http);
        RequireGood(body.New);
        if (await own.RefusalAsync(http, body.Current) is { } refusal)
            return refusal;
        await users.SetPasswordAsync(caller, Passwords.Hash(body.New), http.RequestAborted);
        FirstAdministrator.ForgetPassword(
            folder, (await users.GetAsync(caller.UserId, http.RequestAborted)).Username);
        return Results.NoContent();
    }

    /// <exception cref="StorageException">InvalidValue.</exception>
    public static void RequireGood(string password)
    {
        if (Passwords.Problem(password) is { } problem)
            throw new StorageException(StorageFault.InvalidValue, char.ToUpperInvariant(problem[0]) + problem[1..]);
    }

    private async Task<IResult> DeleteAsync([FromBody] ConfirmByPassword body, HttpContext http)
    {
        if (await own.RefusalAsync(http, body.Password) is { } refusal)
            return refusal;
        await users.BeginDeletionAsync(ApiCaller.Of(http).UserId, http.RequestAborted);
        return Results.NoContent();
    }
}
