using System.Collections.Concurrent;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;
using Kosha.Storage.Sharing;

namespace Kosha.Daemon.Auth;

/// <summary>
/// Shared folders as drives, for reading: the username is "share", the password the link's token and, where the link
/// has a password, ':' and that behind it. A link with a maximum of downloads is no drive, which would read pieces as
/// it likes. Every statement on the tree asks whether the link is still open.
/// </summary>
internal sealed class ShareMounts(
    ShareLinkTable links, ShareDoor door, ShareUses uses, RefusedCredentials refused, AuditTrail audit,
    TimeProvider time)
{
    /// <summary>Not that of the users, whose credentials are good for the API.</summary>
    private readonly CredentialCache cache = new(time);
    private readonly ConcurrentDictionary<string, Lazy<Task<SignInResult>>> running = new(StringComparer.Ordinal);

    /// <param name="header">The whole Authorization header.</param>
    /// <param name="address">The client's; see <see cref="ClientAddress.Exactly"/>.</param>
    /// <param name="ct">Ends it.</param>
    /// <returns>Null: this is no link that can be mounted, and may be somebody's name and password.</returns>
    public async Task<SignInResult?> FindAsync(string header, string address, CancellationToken ct)
    {
        var key = cache.KeyOf(header);
        if (cache.Find(key) is { } known)
        {
            if (cache.IsNoteDue(key))
                uses.Add(new(known.ShareLinkId!.Value, address, Accesses: 1, Downloads: 0));
            return new(known with { Address = address });
        }
        if (BasicCredential.Parse(header) is not { } given
            || !given.Name.Equals(UserTable.ShareName, StringComparison.OrdinalIgnoreCase))
            return null;
        var (token, password) = given.Password.Split(':', 2) is [var first, var second]
            ? (first, second) : (given.Password, "");
        if (await links.FindAsync(ShareTokens.Hash(token), ct)
            is not { IsFolder: true, AllowsDownload: true, MaxDownloads: null } link)
            return null;
        // A drive that opens sixteen connections at once costs one verify, and fails once.
        var verification = running.GetOrAdd(key, _ => new(() => VerifyAsync(key, link, password, address)));
        return await verification.Value.WaitAsync(ct);
    }

    private async Task<SignInResult> VerifyAsync(string key, OpenShareLink link, string password, string address)
    {
        try
        {
            var tried = new RefusedCredential(key, ClientAddress.Of(address), link.Stamp, HasTwoFactor: false);
            if (refused.Has(tried))
                return SignInResult.Refused;
            var result = link.PasswordHash is null
                ? new SignInResult(link.Reader(address))
                : await door.VerifyAsync(link, password, address, CancellationToken.None);
            if (result.Caller is { } visitor)
            {
                cache.Remember(key, visitor);
                uses.Add(new(link.Id, address, Accesses: 1, Downloads: 0));
                await audit.TellOnceAsync(
                    new(AuditActions.ShareUse, visitor) { NodeId = link.NodeId, Detail = "mounted" });
            }
            else if (result.RetryAfter is null)
                refused.Remember(tried);
            return result;
        }
        finally
        {
            running.TryRemove(key, out _);
        }
    }

    public void Forget(string header) => cache.Forget(cache.KeyOf(header));
}
