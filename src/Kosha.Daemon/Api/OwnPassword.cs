using Kosha.Daemon.Auth;
using Kosha.Storage.Accounts;

namespace Kosha.Daemon.Api;

/// <summary>
/// Asks for the caller's own password once more, before what a stolen session must not do. Failures count as those of a
/// sign-in.
/// </summary>
internal sealed class OwnPassword(UserTable users, SignIn signIn)
{
    /// <summary>What to answer; null: the password is right. Fault: CredentialRevoked.</summary>
    public async Task<IResult?> RefusalAsync(HttpContext http, string password)
    {
        var account = await users.AccountAsync(ApiCaller.Of(http), http.RequestAborted);
        var result = BasicCredential.Of(account.Username, password) is { } credential
            ? await signIn.VerifyAccountAsync(credential, AddressOf(http), http.RequestAborted)
            : SignInResult.Refused;
        return result.Caller is null && result.AwaitsCode is null ? RefusalOf(http, result, "password") : null;
    }

    /// <summary>The same for a code of the caller's two-factor sign-in, which is used up by it.</summary>
    public async Task<IResult?> CodeRefusalAsync(HttpContext http, string code)
    {
        var result = await signIn.VerifyCodeAsync(ApiCaller.Of(http), code, AddressOf(http), http.RequestAborted);
        return result.Caller is null ? RefusalOf(http, result, "code") : null;
    }

    /// <summary>
    /// Switches two-factor sign-in on by a first code. Gives what to answer, or else the recovery codes.
    /// </summary>
    public async Task<(IResult? Refusal, IReadOnlyList<string> Recovery)> ConfirmCodesAsync(
        HttpContext http, string code)
    {
        var (result, recovery) = await signIn.ConfirmCodesAsync(
            ApiCaller.Of(http), code, AddressOf(http), http.RequestAborted);
        return (result.Caller is null ? RefusalOf(http, result, "code") : null, recovery);
    }

    private static string AddressOf(HttpContext http) => ClientAddress.Of(http.Connection.RemoteIpAddress);

    private static IResult RefusalOf(HttpContext http, SignInResult refused, string what)
    {
        if (refused.RetryAfter is null)
            return ApiProblem.Wrong(what).ToResult();
        var (status, message) = SignInAnswers.Of(http.Response, refused);
        return ApiProblem.Of(status, message).ToResult();
    }
}
