using Kosha.Daemon.Auth;

namespace Kosha.Daemon.Configuration;

/// <summary>
/// The section <c>Limits</c>. What counts failures and attempts is counted in Postgres, for all daemons together; what
/// runs at once is counted by each daemon for itself.
/// </summary>
internal sealed record RequestLimits
{
    /// <summary>Of one name at one address in ten minutes, over the web.</summary>
    public required int SignInFailures { get; init; }

    /// <summary>The same by Basic. Both are one count.</summary>
    public required int BasicFailures { get; init; }

    /// <summary>Of all names at one address in ten minutes.</summary>
    public required int FailuresByAddress { get; init; }

    /// <summary>Good or not, at one address in ten minutes.</summary>
    public required int Registrations { get; init; }

    /// <summary>Wrong tokens and wrong passwords of share links, at one address in ten minutes.</summary>
    public required int ShareFailures { get; init; }

    /// <summary>Uploads that one user begins in a minute; 0: as many as may be.</summary>
    public required int UploadsPerMinute { get; init; }

    /// <summary>Requests at once that were not answered yet; 0: as many as come.</summary>
    public required int ConcurrentRequests { get; init; }

    /// <summary>The same of one address.</summary>
    public required int ConcurrentRequestsPerAddress { get; init; }

    public static RequestLimits Read(SettingsReader reader)
    {
        int Number(string key, int fallback, int least, int most) =>
            (int)reader.Number($"Limits:{key}", fallback, least, most);
        return new()
        {
            SignInFailures = Number("SignInFailures", SignIn.FailuresByNameAndAddress, 1, 1000),
            BasicFailures = Number("BasicFailures", SignIn.FailuresByNameAndAddress, 1, 1000),
            FailuresByAddress = Number("FailuresByAddress", SignIn.FailuresByAddress, 1, 100_000),
            Registrations = Number("Registrations", 10, 1, 10_000),
            ShareFailures = Number("ShareFailures", 100, 1, 100_000),
            UploadsPerMinute = Number("UploadsPerMinute", 1200, 0, 1_000_000),
            ConcurrentRequests = Number("ConcurrentRequests", 1000, 0, 1_000_000),
            ConcurrentRequestsPerAddress = Number("ConcurrentRequestsPerAddress", 500, 0, 1_000_000),
        };
    }
}
