using Kosha.Storage;
using Kosha.Storage.Accounts;

namespace Kosha.Daemon.Api;

/// <summary>Who calls the API, as the authentication has found.</summary>
internal static class ApiCaller
{
    /// <exception cref="StorageException">CredentialRevoked: nobody.</exception>
    public static Caller Of(HttpContext http) => http.Features.Get<Caller>()
        ?? throw new StorageException(StorageFault.CredentialRevoked, "Sign in first.");
}
