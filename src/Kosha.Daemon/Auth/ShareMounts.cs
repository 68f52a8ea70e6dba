using Kosha.Storage.Accounts;
using Kosha.Storage.Sharing;

namespace Kosha.Daemon.Auth;

/// <summary>
/// Shared folders as drives, for reading: the username is "share", the password the link's token and, where the link
/// has a password, ':' and that behind it. A link with a maximum of downloads is no drive, which would read pieces as
/// it likes. Every statement on the tree asks whether the link is still open.
/// </summary>
internal sealed class ShareMounts(ShareLinkTable links, ShareDoor door, ShareUses uses, TimeProvider time)
{
    private readonly CredentialCache cache = new(time);

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
        var result = link.PasswordHash is null
            ? new SignInResult(link.Reader(address)) : await door.VerifyAsync(link, password, address, ct);
        if (result.Caller is { } visitor)
        {
            cache.Remember(key, visitor);
            uses.Add(new(link.Id, address, Accesses: 1, Downloads: 0));
        }
        return result;
    }

    public void Forget(string header) => cache.Forget(cache.KeyOf(header));
}
