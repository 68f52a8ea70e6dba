using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Kosha.Storage;
using Kosha.Storage.Sharing;
using Kosha.WebDav.Links;
using Microsoft.AspNetCore.DataProtection;

namespace Kosha.Daemon.Auth;

/// <summary>
/// Tokens of share links, and tickets for those who have one: that they know the link's password, or that a download
/// was counted. A ticket is good for one link as it was when it was given, and for a short time.
/// </summary>
internal sealed class ShareTokens(IDataProtectionProvider protection, LinkSigner signer, TimeProvider time)
{
    /// <summary>For whoever knows the password.</summary>
    public static readonly TimeSpan VisitLifetime = TimeSpan.FromHours(4);

    /// <summary>For the ranges of a download that was counted.</summary>
    public static readonly TimeSpan DownloadLifetime = TimeSpan.FromHours(1);

    private const int TokenBytes = 32;

    /// <summary>Other than those of links that give bytes or take them.</summary>
    private const byte VisitForm = 3;
    private const byte DownloadForm = 4;

    private readonly IDataProtector protector = protection.CreateProtector("share links");

    /// <summary>A new token, its hash, and what only a daemon with the master key reads it from.</summary>
    public (string Token, byte[] Hash, byte[] Protected) New()
    {
        var token = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(TokenBytes));
        return (token, Hash(token), protector.Protect(Encoding.ASCII.GetBytes(token)));
    }

    /// <summary>The hash by which a link is found, of whatever somebody sends.</summary>
    public static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    /// <summary>The token of a link. Fault: Unavailable (the master key is another one).</summary>
    public string Reveal(ShareLink link)
    {
        try
        {
            return Encoding.ASCII.GetString(protector.Unprotect(link.TokenProtected));
        }
        catch (CryptographicException e)
        {
            throw new StorageException(StorageFault.Unavailable,
                "This server cannot read the link: its master key is not the one of then. Make a new link.", e);
        }
    }

    public string SignVisit(OpenShareLink link) => Sign(VisitForm, link, nodeId: 0, Guid.Empty, VisitLifetime);

    /// <summary>For the content that was counted: what takes its place is another download.</summary>
    public string SignDownload(OpenShareLink link, long nodeId, Guid etag) =>
        Sign(DownloadForm, link, nodeId, etag, DownloadLifetime);

    public bool IsVisit(string? ticket, OpenShareLink link) => Is(ticket, VisitForm, link, nodeId: 0);

    /// <param name="ticket">What a visitor shows.</param>
    /// <param name="link">The link.</param>
    /// <param name="nodeId">The file.</param>
    /// <param name="etag">Its content; null: whichever.</param>
    public bool IsDownload(string? ticket, OpenShareLink link, long nodeId, Guid? etag = null) =>
        Is(ticket, DownloadForm, link, nodeId, etag);

    private string Sign(byte form, OpenShareLink link, long nodeId, Guid etag, TimeSpan lifetime)
    {
        using var bytes = new MemoryStream();
        using (var writer = new BinaryWriter(bytes))
        {
            writer.Write(form);
            writer.Write((time.GetUtcNow() + lifetime).ToUnixTimeSeconds());
            writer.Write(link.Id);
            writer.Write(nodeId);
            writer.Write(link.Stamp.ToByteArray());
            writer.Write(etag.ToByteArray());
        }
        return signer.SignContent(bytes.ToArray());
    }

    private bool Is(string? ticket, byte form, OpenShareLink link, long nodeId, Guid? etag = null)
    {
        if (string.IsNullOrEmpty(ticket) || signer.OpenContent(ticket) is not { } bytes || bytes[0] != form)
            return false;
        using var reader = new BinaryReader(new MemoryStream(bytes));
        reader.ReadByte();
        return time.GetUtcNow() < DateTimeOffset.FromUnixTimeSeconds(reader.ReadInt64())
            && reader.ReadInt64() == link.Id && reader.ReadInt64() == nodeId
            && new Guid(reader.ReadBytes(16)) == link.Stamp
            && (etag is null || new Guid(reader.ReadBytes(16)) == etag);
    }
}
