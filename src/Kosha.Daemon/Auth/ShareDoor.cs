using System.Globalization;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;
using Kosha.Storage.Sharing;

namespace Kosha.Daemon.Auth;

/// <summary>Somebody who came by the token of an open link.</summary>
/// <param name="Link">The link.</param>
/// <param name="Address">Where from; see <see cref="ClientAddress.Exactly"/>.</param>
/// <param name="IsInside">The link has no password, or the visitor has shown it.</param>
internal sealed record ShareVisit(OpenShareLink Link, string Address, bool IsInside)
{
    /// <summary>For what is read.</summary>
    public Caller Reader => Link.Reader(Address);

    /// <summary>For files that are brought. Fault: NotAllowed.</summary>
    public Caller Writer => Link.AllowsUpload
        ? Reader with { IsReadOnly = false }
        : throw new StorageException(StorageFault.NotAllowed, "This link takes no files.");

    /// <summary>Fault: NotAllowed: visitors only bring files.</summary>
    public ShareVisit RequireDownload() => Link.AllowsDownload
        ? this : throw new StorageException(StorageFault.NotAllowed, "This link takes files, and shows none.");
}

/// <summary>
/// Lets visitors of share links in. Whatever is wrong with a token, the answer is the same: that it is nobody's, that
/// the link was revoked, has expired or is used up, that what it shares is in the trash or its owner disabled. Such
/// tokens are counted for each client address, beyond the limit none is told anything; nobody guesses 256 bits, so a
/// good one is let in all the same. Wrong passwords are counted for each link at an address, each link, and with the
/// tokens.
/// </summary>
internal sealed class ShareDoor(
    ShareLinkTable links, ShareTokens tokens, ShareUses uses, SignIn signIn, SignInFailures failures,
    CountedLimits limits, AuditTrail audit)
{
    public const int WrongPasswordsByLinkAndAddress = 10;
    public const int WrongPasswordsByLink = 200;

    /// <summary>The header or cookie that holds the ticket for the password.</summary>
    public const string TicketHeader = "X-Share-Ticket";
    public const string TicketCookie = "kosha-share";

    private static readonly int[] PasswordLimits = [WrongPasswordsByLinkAndAddress, WrongPasswordsByLink];

    /// <summary>What the link of this token is to a visitor, who need not know its password yet.</summary>
    /// <param name="hasBegun">
    /// Whether the visitor goes on with what was counted; null: no. Only that is left of a link that is used up.
    /// </param>
    /// <exception cref="StorageException">NotFound, LimitReached.</exception>
    public async Task<ShareVisit> FindAsync(HttpContext http, string token, Predicate<OpenShareLink>? hasBegun = null)
    {
        var address = ClientAddress.Exactly(http);
        var link = await links.FindAsync(ShareTokens.Hash(token), http.RequestAborted);
        if (link is null || (link.IsUsedUp && hasBegun?.Invoke(link) is not true))
            throw await RefusalAsync(address, http.RequestAborted);
        uses.Add(new(link.Id, address, Accesses: 1, Downloads: 0));
        return new(link, address, link.PasswordHash is null || tokens.IsVisit(TicketOf(http.Request), link));
    }

    /// <summary>The same for a visitor who has shown the password. Fault, too: PasswordNeeded.</summary>
    public async Task<ShareVisit> EnterAsync(HttpContext http, string token, Predicate<OpenShareLink>? hasBegun = null)
    {
        var visit = await FindAsync(http, token, hasBegun);
        return visit.IsInside ? visit : throw new StorageException(StorageFault.PasswordNeeded,
            $"This link has a password. POST it to access, and send the ticket as {TicketHeader} or as the cookie.");
    }

    private static string? TicketOf(HttpRequest request) =>
        request.Headers[TicketHeader] is { Count: 1 } header ? header[0] : request.Cookies[TicketCookie];

    /// <summary>What every token is answered with that opens nothing.</summary>
    public static StorageException Gone() => new(StorageFault.NotFound, "There is no such link, or it is over.");

    private async Task<StorageException> RefusalAsync(string address, CancellationToken ct)
    {
        var counted = ClientAddress.Of(address);
        if (await limits.WaitAsync(LimitKind.ShareToken, counted, ct) is { } wait)
            return new(StorageFault.LimitReached,
                "Too many links that do not exist were tried from this address. Try again later.")
            {
                RetryAfter = wait,
            };
        await limits.CountAsync(LimitKind.ShareToken, counted, ct);
        await audit.TellAsync(new(AuditActions.ShareRefused)
        {
            Address = address, IsRefused = true, Detail = "No such link, or it is over.",
        });
        return Gone();
    }

    /// <summary>Whether this is the password of a link that has one; the caller is then its visitor.</summary>
    public async Task<SignInResult> VerifyAsync(
        OpenShareLink link, string password, string address, CancellationToken ct)
    {
        var ofLink = string.Create(CultureInfo.InvariantCulture, $"share link {link.Id}");
        var counted = ClientAddress.Of(address);
        string[] subjects = [$"{ofLink}@{counted}", ofLink];
        // Before the queue, so that a client over its limit keeps nobody waiting.
        if ((await failures.WaitAsync(subjects, PasswordLimits, ct)
            ?? await limits.WaitAsync(LimitKind.ShareToken, counted, ct)) is { } wait)
            return new(Caller: null, wait);
        return await signIn.InTurnAsync(async () =>
        {
            // Looked up again, so that guesses in parallel overshoot the limit by no more than the turns.
            if (await failures.WaitAsync(subjects, PasswordLimits, ct) is { } later)
                return new SignInResult(Caller: null, later);
            if (Passwords.Verify(link.PasswordHash, password))
            {
                await failures.ForgetAsync(subjects[0], ct);
                return new SignInResult(link.Reader(address));
            }
            await failures.CountAsync(subjects, ct);
            await limits.CountAsync(LimitKind.ShareToken, counted, ct);
            await audit.TellAsync(new(AuditActions.ShareRefused, link.Reader(address))
            {
                NodeId = link.NodeId, IsRefused = true, Detail = $"A wrong password of {ofLink}.",
            });
            return SignInResult.Refused;
        }, ct);
    }
}
