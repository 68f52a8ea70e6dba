using System.Globalization;
using Kosha.Daemon.Auth;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;
using Microsoft.AspNetCore.Mvc;

namespace Kosha.Daemon.Api;

/// <summary><c>/api/account</c>: one's own account, its password, and its end.</summary>
internal sealed partial class AccountEndpoints(
    UserTable users, OwnPassword own, SignInFailures attempts, DataFolder folder, ILogger<AccountEndpoints> logger)
{
    /// <summary>
    /// Emails that one account may try in a day, taken or not: the answer tells whether another account has one, and
    /// without a letter to that address nothing else could.
    /// </summary>
    public const int EmailsByDay = 10;

    public const string Route = ApiErrors.Path + "/account";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<AccountEndpoints>();
        var group = routes.MapGroup(Route).WithTags("Account").For(ApiAccess.Account)
            .ProducesProblem(401).ProducesProblem(403).ProducesProblem(503);
        group.MapGet("", (Delegate)self.GetAsync).WithSummary("One's own account").Produces<AccountAnswer>()
            .WithAnswerExample(200, AccountExamples.Account);
        group.MapPatch("", self.ChangeAsync).WithSummary("Changes the email; all other sessions end")
            .Produces<AccountAnswer>().ProducesProblem(400).ProducesProblem(429)
            .WithRequestExample(AccountExamples.ChangeAccount)
            .WithAnswerExample(200, AccountExamples.Account);
        group.MapPut("password", self.SetPasswordAsync)
            .WithSummary("Sets a new password; all other sessions end, app passwords stay").Produces(204)
            .ProducesProblem(400).ProducesProblem(429).WithRequestExample(AccountExamples.ChangePassword);
        group.MapDelete("", self.DeleteAsync)
            .WithSummary("Ends the account at once; all its files are removed for good soon after").Produces(204)
            .ProducesProblem(400).ProducesProblem(429).WithRequestExample(AccountExamples.Confirmation);
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
        {
            // Before a code is used up.
            RequireEmail(email);
            if (email.Length > 0 && await attempts.WaitAsync(
                [EmailsOf(ApiCaller.Of(http))], [EmailsByDay], http.RequestAborted) is { } wait)
                throw TooManyEmails(wait);
            if (await own.RefusalAsync(http, body) is { } refusal)
                return refusal;
            own.GoOnAs(http, await SetEmailAsync(ApiCaller.Of(http), email, http.RequestAborted));
        }
        return await GetAsync(http);
    }

    private static void RequireEmail(string email)
    {
        try
        {
            if (email.Length > 0)
                UserTable.CheckEmail(email);
        }
        catch (StorageException e) when (e.Fault == StorageFault.InvalidValue)
        {
            throw NoEmail(e);
        }
    }

    private async Task<Caller> SetEmailAsync(Caller caller, string email, CancellationToken ct)
    {
        if (email.Length == 0)
            return await users.SetEmailAsync(caller, email: null, ct);
        if (await attempts.CountAttemptAsync(EmailsOf(caller), EmailsByDay, TimeSpan.FromDays(1), ct) is { } wait)
            throw TooManyEmails(wait);
        try
        {
            return await users.SetEmailAsync(caller, email, ct);
        }
        catch (StorageException e) when (e.Fault is StorageFault.AlreadyExists or StorageFault.InvalidValue)
        {
            throw NoEmail(e);
        }
    }

    private static string EmailsOf(Caller caller) =>
        string.Create(CultureInfo.InvariantCulture, $"emails of user {caller.UserId}");

    private static StorageException TooManyEmails(TimeSpan wait) => new(StorageFault.LimitReached,
        $"An account tries at most {EmailsByDay} emails in a day. Try again tomorrow.") { RetryAfter = wait };

    /// <summary>The same words whatever is wrong with it: who else has an account here is nobody's to ask.</summary>
    private static StorageException NoEmail(StorageException why) => new(StorageFault.InvalidValue,
        "This email cannot be the account's: it is no email address, is too long, or is taken.", why);

    private async Task<IResult> SetPasswordAsync([FromBody] ChangePassword body, HttpContext http)
    {
        var caller = ApiCaller.Of(http);
        RequireGood(body.New);
        if (await own.RefusalAsync(http, body) is { } refusal)
            return refusal;
        var username = (await users.AccountAsync(caller, http.RequestAborted)).Username;
        await users.SetPasswordAsync(caller, Passwords.Hash(body.New), http.RequestAborted);
        // It is changed, whatever comes now.
        if (FirstAdministrator.ForgetPassword(folder, username) is { } left)
            LogLeft(logger, left);
        return Results.NoContent();
    }

    [LoggerMessage(LogLevel.Warning, "The password of the first administrator was changed. {Left}")]
    private static partial void LogLeft(ILogger logger, string left);

    /// <exception cref="StorageException">InvalidValue.</exception>
    public static void RequireGood(string password)
    {
        if (Passwords.Problem(password) is { } problem)
            throw new StorageException(StorageFault.InvalidValue, char.ToUpperInvariant(problem[0]) + problem[1..]);
    }

    private async Task<IResult> DeleteAsync([FromBody] Confirmation body, HttpContext http)
    {
        if (await own.RefusalAsync(http, body) is { } refusal)
            return refusal;
        var caller = ApiCaller.Of(http);
        await users.BeginDeletionAsync(
            caller.UserId, new(AuditActions.AccountDelete, caller), http.RequestAborted);
        return Results.NoContent();
    }
}
