using System.Globalization;

namespace Kosha.Daemon.Auth;

/// <summary>What a refused sign-in is answered with, wherever it was tried.</summary>
internal static class SignInAnswers
{
    /// <summary>The status and a message for people. Retry-After is set where waiting helps.</summary>
    public static (int Status, string Message) Of(HttpResponse response, SignInResult refused)
    {
        if (refused.RetryAfter is not { } wait)
            return (StatusCodes.Status401Unauthorized,
                "The name or the password is wrong, or the account is disabled.");
        var seconds = (int)Math.Ceiling(wait.TotalSeconds);
        response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        return refused.IsBusy
            ? (StatusCodes.Status503ServiceUnavailable, "Too many sign-ins at once. Try again.")
            : (StatusCodes.Status429TooManyRequests,
                $"Too many failed sign-ins from this address. Try again in {seconds} seconds.");
    }
}
