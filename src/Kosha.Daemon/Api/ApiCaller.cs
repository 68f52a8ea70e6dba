using Kosha.Storage;
using Kosha.Storage.Accounts;

namespace Kosha.Daemon.Api;

/// <summary>Who calls the API, as the authentication has found.</summary>
internal static class ApiCaller
{
    /// <exception cref="StorageException">CredentialRevoked: nobody.</exception>
    public static Caller Of(HttpContext http) => http.Features.Get<Caller>()
        ?? throw new StorageException(StorageFault.CredentialRevoked, "Sign in first.");

    /// <summary>For what concerns the account; app passwords reach files alone.</summary>
    /// <exception cref="StorageException">CredentialRevoked, NotAllowed.</exception>
    public static Caller OfAccount(HttpContext http) => Of(http) is { AppPasswordId: null } caller
        ? caller
        : throw new StorageException(StorageFault.NotAllowed, "An app password reaches files, and not the account.");
}
