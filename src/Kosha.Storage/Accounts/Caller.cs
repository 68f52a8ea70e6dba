using Dapper;

namespace Kosha.Storage.Accounts;

/// <summary>
/// Who acts, as a verified credential named them. Every statement on the tree asks whether that credential still holds,
/// so that a changed, disabled or revoked one stops working with the next statement, on every daemon.
/// </summary>
/// <param name="UserId">The user.</param>
/// <param name="CredentialStamp"><c>users.credential_stamp</c> when the account's own password was verified.</param>
/// <param name="AppPasswordId">The app password that was used; the stamp then means nothing. Null: the account's
/// own.</param>
/// <param name="SessionId">The session of a browser, which ends with the password, too. Null: there is none.</param>
/// <param name="Redirect">What the app password says of redirects; null: as the daemon's setting.</param>
/// <param name="RootId">The folder that is '/' for an app password that reaches no more than that, or what a share link
/// shares, perhaps a file; null: the user's root. A credential keeps it for ever, and ends with the node.</param>
/// <param name="IsReadOnly">An app password or a share link that changes nothing.</param>
public sealed record Caller(
    long UserId, Guid CredentialStamp, long? AppPasswordId = null, RedirectMode? Redirect = null,
    long? SessionId = null, long? RootId = null, bool IsReadOnly = false)
{
    /// <summary>From where this call comes, for the audit log; null: from no client.</summary>
    public string? Address { get; init; }

    /// <summary>
    /// The share link by whose token a visitor reaches what <see cref="RootId"/> says of the user's; the stamp is then
    /// <c>share_links.stamp</c>. Null: it is the user.
    /// </summary>
    public long? ShareLinkId { get; init; }

    /// <summary>
    /// The one predicate for "the credential still holds", on a row u of <c>users</c>. An app password for a folder
    /// holds only while that is live, a share link while what it shares is.
    /// </summary>
    internal const string Holds = """
        u.id = @UserId and u.disabled_at is null and case
            when @AppPasswordId::bigint is not null
                then exists (
                    select from app_passwords c where c.id = @AppPasswordId and c.user_id = u.id
                        and (c.folder_id is null or is_live(c.folder_id)))
            when @SessionId::bigint is not null
                then u.credential_stamp = @CredentialStamp and exists (
                    select from sessions c where c.id = @SessionId and c.user_id = u.id and c.expires_at > now())
            when @ShareLinkId::bigint is not null
                then exists (
                    select from share_links c where c.id = @ShareLinkId and c.user_id = u.id
                        and c.stamp = @CredentialStamp and c.node_id = @RootId and c.revoked_at is null
                        and (c.expires_at is null or c.expires_at > now()) and is_live(c.node_id))
            else u.credential_stamp = @CredentialStamp end
        """;

    /// <summary>Before every write, and before its body is read.</summary>
    /// <exception cref="StorageException">NotAllowed: the credential reads only.</exception>
    public void RequireWrite()
    {
        if (IsReadOnly)
            throw new StorageException(StorageFault.NotAllowed,
                ShareLinkId is null ? "This app password can read, and change nothing." : "This link is for reading.");
    }

    /// <summary>Before what concerns more than live files, such as the trash: nobody knows there what lay where.
    /// </summary>
    /// <exception cref="StorageException">NotAllowed: the credential is for one folder.</exception>
    public void RequireAllFiles()
    {
        if (RootId is not null)
            throw new StorageException(StorageFault.NotAllowed, "This credential is for one folder, and no more.");
    }

    /// <summary>What every statement that asks for it is refused with.</summary>
    internal static StorageException Revoked() =>
        new(StorageFault.CredentialRevoked, "The credential no longer holds.");

    /// <summary>The parameters of <see cref="Holds"/>, and more.</summary>
    internal DynamicParameters With(object more)
    {
        var all = new DynamicParameters(this);
        all.AddDynamicParams(more);
        return all;
    }
}
