using Kosha.Daemon.Auth;
using Kosha.Storage.Accounts;

namespace Kosha.Daemon.Api;

/// <summary>
/// Asks who calls for a proof once more, before what a stolen session must not do: the account's own password and, for
/// what would hand the account over, a code where two-factor sign-in is on. Failures count as those of a sign-in.
/// </summary>
internal sealed class OwnPassword(UserTable users, SignIn signIn)
{
    /// <summary>What to answer; null: the password is right. Fault: CredentialRevoked.</summary>
    public async Task<IResult?> RefusalAsync(HttpContext http, string password)
    {
        var result = await VerifyAsync(http, password);
        return result.Caller is null && result.AwaitsCode is null ? RefusalOf(http, result, "password") : null;
    }

    /// <summary>
    /// What to answer; null: the password is right and, where one is needed, so was the code, which is used up by it.
    /// Fault: CredentialRevoked.
    /// </summary>
    public async Task<IResult?> RefusalAsync(HttpContext http, Confirmation given)
    {
        var result = await VerifyAsync(http, given.Password);
        if (result.AwaitsCode is null)
            return result.Caller is null ? RefusalOf(http, result, "password") : null;
        return string.IsNullOrEmpty(given.Code)
            ? ApiProblem.CodeRequired.ToResult()
            : await CodeRefusalAsync(http, given.Code);
    }

    private async Task<SignInResult> VerifyAsync(HttpContext http, string password)
    {
        var account = await users.AccountAsync(ApiCaller.Of(http), http.RequestAborted);
        return BasicCredential.Of(account.Username, password) is { } credential
            ? await signIn.VerifyAccountAsync(credential, ClientAddress.Exactly(http), http.RequestAborted)
            : SignInResult.Refused;
    }

    private async Task<IResult?> CodeRefusalAsync(HttpContext http, string code)
    {
        var result = await signIn.VerifyCodeAsync(
            ApiCaller.Of(http), code, ClientAddress.Exactly(http), http.RequestAborted);
        return result.Caller is null ? RefusalOf(http, result, "code") : null;
    }

    /// <summary>
    /// Switches two-factor sign-in on by a first code. Gives what to answer, or else the recovery codes.
    /// </summary>
    public async Task<(IResult? Refusal, IReadOnlyList<string> Recovery)> ConfirmCodesAsync(
        HttpContext http, string code)
    {
        var (result, recovery) = await signIn.ConfirmCodesAsync(
            ApiCaller.Of(http), code, ClientAddress.Exactly(http), http.RequestAborted);
        return (result.Caller is null ? RefusalOf(http, result, "code") : null, recovery);
    }

    /// <summary>
    /// A change gave the caller's credential a new stamp, with which this call goes on; a password that this daemon
    /// remembers is verified anew.
    /// </summary>
    public void GoOnAs(HttpContext http, Caller renewed)
    {
        http.Features.Set(renewed);
        string? header = http.Request.Headers.Authorization;
        if (header is not null)
            signIn.Forget(header);
    }

    private static IResult RefusalOf(HttpContext http, SignInResult refused, string what)
    {
        if (refused.RetryAfter is null)
            return ApiProblem.Wrong(what).ToResult();
        var (status, message) = SignInAnswers.Of(http.Response, refused);
        return ApiProblem.Of(status, message).ToResult();
    }
}
