using System.Collections.Frozen;
using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;

namespace Kosha.WebDav.Xml;

/// <summary>What one response of a multistatus is about. Used again for each, to allocate little.</summary>
internal sealed class ResponseEntry
{
    public required FileNode Node { get; set; }

    /// <summary>Locks that cover the node; empty unless the selection needs them.</summary>
    public IReadOnlyList<NodeLock> Locks { get; set; } = [];

    /// <summary>Null unless the selection needs it.</summary>
    public Quota? Quota { get; init; }

    public DateTime Now { get; init; }

    /// <summary>Null unless the selection needs it, and for what has no bytes.</summary>
    public string? DownloadUrl { get; set; }
}

/// <summary>Writes a property's whole element. False, and nothing written: the node does not have it.</summary>
internal delegate bool PropertyWriter(XmlOutput output, ResponseEntry entry);

/// <summary>Which answers a live property is part of without being named.</summary>
[Flags]
internal enum Listed
{
    OnlyIfNamed = 0,
    AllProp = 1,

    /// <summary>Also in the answer to Explorer's allprop, which gives up above 1,000,000 bytes a folder.</summary>
    Explorer = 2,
}

/// <summary>One row of the table of live properties.</summary>
/// <param name="Name">The name.</param>
/// <param name="Listed">Where it is part of an allprop answer.</param>
/// <param name="Write">Writes it.</param>
internal sealed record LiveProperty(PropertyName Name, Listed Listed, PropertyWriter Write);

/// <summary>Every property whose value Kosha computes.</summary>
internal static class LiveProperties
{
    private const Listed Always = Listed.AllProp | Listed.Explorer;

    public static readonly IReadOnlyList<LiveProperty> Table =
    [
        new(PropertyName.Dav("resourcetype"), Always, ResourceType),
        new(PropertyName.Dav("creationdate"), Always, CreationDate),
        new(PropertyName.Dav("getlastmodified"), Always, LastModified),
        new(PropertyName.Dav("getcontentlength"), Always, ContentLength),
        new(PropertyName.Dav("getetag"), Listed.AllProp, Etag),
        new(PropertyName.Dav("getcontenttype"), Listed.AllProp, ContentType),
        new(PropertyName.Dav("displayname"), Listed.AllProp, DisplayName),
        new(PropertyName.Dav("lockdiscovery"), Listed.AllProp, LockDiscovery),
        new(PropertyName.Dav("supportedlock"), Listed.AllProp, SupportedLock),
        new(PropertyName.Dav("quota-used-bytes"), Listed.OnlyIfNamed, QuotaUsed),
        new(PropertyName.Dav("quota-available-bytes"), Listed.OnlyIfNamed, QuotaAvailable),
        new(PropertyName.OwnCloud("checksums"), Listed.OnlyIfNamed, Checksums),
        new(PropertyName.OwnCloud("permissions"), Listed.OnlyIfNamed, Permissions),
        new(PropertyName.OwnCloud("size"), Listed.OnlyIfNamed, Size),
        new(PropertyName.OwnCloud("fileid"), Listed.OnlyIfNamed, FileId),
        new(PropertyName.OwnCloud("id"), Listed.OnlyIfNamed, Id),
        new(PropertyName.OwnCloud("downloadURL"), Listed.OnlyIfNamed, DownloadUrl),
        new(PropertyName.Windows("Win32CreationTime"), Listed.OnlyIfNamed, WindowsCreated),
        new(PropertyName.Windows("Win32LastModifiedTime"), Listed.OnlyIfNamed, WindowsModified),
    ];

    public static readonly FrozenDictionary<PropertyName, LiveProperty> ByName =
        Table.ToFrozenDictionary(property => property.Name);

    private static bool ResourceType(XmlOutput output, ResponseEntry entry)
    {
        output.Raw(entry.Node.IsFolder
            ? "<D:resourcetype><D:collection/></D:resourcetype>"u8
            : "<D:resourcetype/>"u8);
        return true;
    }

    private static bool CreationDate(XmlOutput output, ResponseEntry entry)
    {
        output.Raw("<D:creationdate>"u8);
        output.IsoDate(entry.Node.CreatedAt);
        output.Raw("</D:creationdate>"u8);
        return true;
    }

    private static bool LastModified(XmlOutput output, ResponseEntry entry)
    {
        output.Raw("<D:getlastmodified>"u8);
        output.HttpDate(entry.Node.ModifiedAt);
        output.Raw("</D:getlastmodified>"u8);
        return true;
    }

    private static bool ContentLength(XmlOutput output, ResponseEntry entry)
    {
        if (entry.Node.IsFolder)
            return false;
        output.Raw("<D:getcontentlength>"u8);
        output.Number(entry.Node.Size);
        output.Raw("</D:getcontentlength>"u8);
        return true;
    }

    private static bool Etag(XmlOutput output, ResponseEntry entry)
    {
        if (entry.Node.IsFolder)
            return false;
        output.Raw("<D:getetag>\""u8);
        output.Etag(entry.Node.Etag);
        output.Raw("\"</D:getetag>"u8);
        return true;
    }

    private static bool ContentType(XmlOutput output, ResponseEntry entry)
    {
        if (entry.Node.IsFolder)
            return false;
        output.Raw("<D:getcontenttype>"u8);
        output.Text(ContentTypes.Of(entry.Node));
        output.Raw("</D:getcontenttype>"u8);
        return true;
    }

    /// <summary>
    /// The name, unless a client has stored another (<see cref="PropertySelection"/> looks there first). The root has
    /// none, and desktops name the drive by what stands here.
    /// </summary>
    private static bool DisplayName(XmlOutput output, ResponseEntry entry)
    {
        output.Raw("<D:displayname>"u8);
        output.Text(entry.Node.ParentId is null ? "Kosha" : entry.Node.Name);
        output.Raw("</D:displayname>"u8);
        return true;
    }

    private static bool LockDiscovery(XmlOutput output, ResponseEntry entry)
    {
        ActiveLocks.Write(output, entry.Locks, entry.Now);
        return true;
    }

    private static bool SupportedLock(XmlOutput output, ResponseEntry entry)
    {
        output.Raw("<D:supportedlock><D:lockentry><D:lockscope><D:exclusive/></D:lockscope>"u8);
        output.Raw("<D:locktype><D:write/></D:locktype></D:lockentry><D:lockentry><D:lockscope><D:shared/>"u8);
        output.Raw("</D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry></D:supportedlock>"u8);
        return true;
    }

    private static bool QuotaUsed(XmlOutput output, ResponseEntry entry)
    {
        if (!entry.Node.IsFolder || entry.Quota is not { } quota)
            return false;
        output.Raw("<D:quota-used-bytes>"u8);
        output.Number(quota.UsedBytes);
        output.Raw("</D:quota-used-bytes>"u8);
        return true;
    }

    private static bool QuotaAvailable(XmlOutput output, ResponseEntry entry)
    {
        if (!entry.Node.IsFolder || entry.Quota?.AvailableBytes is not { } available)
            return false;
        output.Raw("<D:quota-available-bytes>"u8);
        output.Number(available);
        output.Raw("</D:quota-available-bytes>"u8);
        return true;
    }

    private static bool Checksums(XmlOutput output, ResponseEntry entry)
    {
        var node = entry.Node;
        if (node.IsFolder)
            return false;
        if (node.Size == 0)
        {
            // The digests of nothing.
            output.Raw("<oc:checksums><oc:checksum>SHA1:da39a3ee5e6b4b0d3255bfef95601890afd80709 "u8);
            output.Raw("MD5:d41d8cd98f00b204e9800998ecf8427e</oc:checksum></oc:checksums>"u8);
            return true;
        }
        if (node.Sha1 is null || node.Md5 is null)
            return false;
        output.Raw("<oc:checksums><oc:checksum>SHA1:"u8);
        output.Hex(node.Sha1);
        output.Raw(" MD5:"u8);
        output.Hex(node.Md5);
        output.Raw("</oc:checksum></oc:checksums>"u8);
        return true;
    }

    /// <summary>Delete, rename, move, and write or create: the caller's own tree.</summary>
    private static bool Permissions(XmlOutput output, ResponseEntry entry)
    {
        output.Raw("<oc:permissions>"u8);
        output.Raw(entry.Node.IsFolder ? "DNVCK"u8 : "DNVW"u8);
        output.Raw("</oc:permissions>"u8);
        return true;
    }

    private static bool Size(XmlOutput output, ResponseEntry entry)
    {
        if (entry.Node.IsFolder)
            return false;
        output.Raw("<oc:size>"u8);
        output.Number(entry.Node.Size);
        output.Raw("</oc:size>"u8);
        return true;
    }

    private static bool FileId(XmlOutput output, ResponseEntry entry)
    {
        output.Raw("<oc:fileid>"u8);
        output.Number(entry.Node.Id);
        output.Raw("</oc:fileid>"u8);
        return true;
    }

    private static bool Id(XmlOutput output, ResponseEntry entry)
    {
        output.Raw("<oc:id>"u8);
        output.Number(entry.Node.Id);
        output.Raw("</oc:id>"u8);
        return true;
    }

    /// <summary>Good for whoever has it, for a short time; therefore only for those who ask.</summary>
    private static bool DownloadUrl(XmlOutput output, ResponseEntry entry)
    {
        if (entry.DownloadUrl is not { } url)
            return false;
        output.Raw("<oc:downloadURL>"u8);
        output.Text(url);
        output.Raw("</oc:downloadURL>"u8);
        return true;
    }

    /// <summary>Computed, not stored: Explorer's own word would lie after a write by another client.</summary>
    private static bool WindowsCreated(XmlOutput output, ResponseEntry entry)
    {
        output.Raw("<Z:Win32CreationTime>"u8);
        output.HttpDate(entry.Node.CreatedAt);
        output.Raw("</Z:Win32CreationTime>"u8);
        return true;
    }

    /// <inheritdoc cref="WindowsCreated"/>
    private static bool WindowsModified(XmlOutput output, ResponseEntry entry)
    {
        output.Raw("<Z:Win32LastModifiedTime>"u8);
        output.HttpDate(entry.Node.ModifiedAt);
        output.Raw("</Z:Win32LastModifiedTime>"u8);
        return true;
    }
}
