using System.Globalization;
using Kosha.Storage.Tree;

namespace Kosha.WebDav.Xml;

/// <summary>Which properties one PROPFIND wants, resolved once and then written for every node.</summary>
internal sealed class PropertySelection
{
    /// <param name="Name">The name.</param>
    /// <param name="Empty">Its empty element.</param>
    /// <param name="Live">Null: can only be dead.</param>
    /// <param name="IsNamed">The client named it, so it must hear if it is missing.</param>
    private sealed record Wanted(PropertyName Name, byte[] Empty, LiveProperty? Live, bool IsNamed)
    {
        public string Key { get; } = Name.Key;

        /// <summary>A client may store another value than the computed one.</summary>
        public bool MayBeDead { get; } = Live is null || Name == DisplayName;
    }

    private static readonly PropertyName DisplayName = PropertyName.Dav("displayname");
    private const uint ShownAttributes = 0x1 | 0x2 | 0x4;
    private static readonly PropertyName WindowsAttributes = PropertyName.Windows("Win32FileAttributes");

    private static readonly Wanted[] All = Listing(Listed.AllProp);

    // Explorer shows hidden and read-only files by their attributes, and reads nothing else that is dead.
    private static readonly Wanted[] ForExplorer =
        [.. Listing(Listed.Explorer), Want(WindowsAttributes, isNamed: false)];

    private static readonly Wanted[] Known =
        [.. LiveProperties.Table.Select(live => Want(live.Name, isNamed: false))];

    private readonly Wanted[] wanted;
    private readonly bool[] isMissing;
    private readonly bool withAllDead;
    private readonly bool namesOnly;
    private readonly bool mayBeDead;

    private PropertySelection(Wanted[] wanted, bool withAllDead, bool showsDead, bool namesOnly = false)
    {
        (this.wanted, this.withAllDead, this.namesOnly) = (wanted, withAllDead && showsDead, namesOnly);
        isMissing = new bool[wanted.Length];
        mayBeDead = showsDead && (withAllDead || Array.Exists(wanted, one => one.MayBeDead));
        NeedsLocks = Wants("lockdiscovery");
        NeedsQuota = !namesOnly && (Wants("quota-used-bytes") || Wants("quota-available-bytes"));
        NeedsDownloadUrl = !namesOnly && Wants(PropertyName.OwnCloud("downloadURL"));
        Details = (Wants(PropertyName.OwnCloud("checksums")) ? ListedDetails.Digests : ListedDetails.None)
            | (NeedsDownloadUrl ? ListedDetails.Objects : ListedDetails.None)
            | (mayBeDead ? ListedDetails.Properties : ListedDetails.None);
    }

    public bool NeedsLocks { get; }

    public bool NeedsQuota { get; }

    public bool NeedsDownloadUrl { get; }

    /// <summary>What must be read of each member of a folder.</summary>
    public ListedDetails Details { get; }

    /// <param name="body">What the client asks for.</param>
    /// <param name="isExplorer">Explorer gets what it shows.</param>
    /// <param name="showsDead">False for visitors: what its owner keeps with a file is nothing to them.</param>
    public static PropertySelection For(PropFindBody body, bool isExplorer, bool showsDead) => body.Kind switch
    {
        PropFindKind.PropName => new(Known, withAllDead: true, showsDead, namesOnly: true),
        PropFindKind.Prop => new(Named(body.Names), withAllDead: false, showsDead),
        _ when isExplorer && body.Names.Count == 0 => new(ForExplorer, withAllDead: false, showsDead),
        _ => new([.. All, .. Named(body.Names.Except(All.Select(one => one.Name)))], withAllDead: true, showsDead),
    };

    private static Wanted[] Listing(Listed listed) =>
        [.. LiveProperties.Table.Where(one => one.Listed.HasFlag(listed)).Select(one => Want(one.Name, false))];

    private static Wanted[] Named(IEnumerable<PropertyName> names) =>
        [.. names.Distinct().Select(name => Want(name, isNamed: true))];

    private static Wanted Want(PropertyName name, bool isNamed) =>
        new(name, name.EmptyElement(), LiveProperties.ByName.GetValueOrDefault(name), isNamed);

    private bool Wants(string local) => Wants(PropertyName.Dav(local));

    private bool Wants(PropertyName name) => Array.Exists(wanted, one => one.Name == name);

    /// <summary>Writes the propstat elements of one response.</summary>
    public void Write(XmlOutput output, ResponseEntry entry)
    {
        var dead = DeadProperties.Read(mayBeDead ? entry.Node.Properties : null);
        var start = output.Position;
        output.Raw("<D:propstat><D:prop>"u8);
        var empty = output.Position;
        var anyMissing = false;
        for (var i = 0; i < wanted.Length; i++)
        {
            isMissing[i] = !WriteOne(output, entry, wanted[i], dead) && wanted[i].IsNamed;
            anyMissing |= isMissing[i];
        }
        if (withAllDead)
            WriteAllDead(output, dead);
        if (output.Position == empty && anyMissing)
            output.Truncate(start);
        else
            output.Raw("</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>"u8);
        if (anyMissing)
            WriteMissing(output);
    }

    private bool WriteOne(XmlOutput output, ResponseEntry entry, Wanted one, Dictionary<string, string> dead)
    {
        if (namesOnly)
            return WriteName(output, entry, one);
        if (one.MayBeDead && dead.Count > 0 && dead.TryGetValue(one.Key, out var xml))
        {
            if (!one.IsNamed && one.Name == WindowsAttributes && !IsShown(xml))
                return false;
            output.Raw(xml);
            return true;
        }
        return one.Live is { } live && live.Write(output, entry);
    }

    /// <summary>
    /// Read-only, hidden and system are what Explorer shows; that nearly every file is to be archived would only fill
    /// the listing.
    /// </summary>
    private static bool IsShown(string attributes)
    {
        var text = attributes.AsSpan(attributes.IndexOf('>', StringComparison.Ordinal) + 1);
        var end = text.IndexOf('<');
        return end < 0
            || !uint.TryParse(text[..end], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var bits)
            || (bits & ShownAttributes) != 0;
    }

    private static bool WriteName(XmlOutput output, ResponseEntry entry, Wanted one)
    {
        var start = output.Position;
        if (!one.Live!.Write(output, entry))
            return false;
        output.Truncate(start);
        output.Raw(one.Empty);
        return true;
    }

    private void WriteAllDead(XmlOutput output, Dictionary<string, string> dead)
    {
        foreach (var (key, xml) in dead)
        {
            if (Array.Exists(wanted, one => one.Key == key))
                continue;
            if (namesOnly)
                output.Raw(PropertyName.FromKey(key).EmptyElement());
            else
                output.Raw(xml);
        }
    }

    private void WriteMissing(XmlOutput output)
    {
        output.Raw("<D:propstat><D:prop>"u8);
        for (var i = 0; i < wanted.Length; i++)
        {
            if (isMissing[i])
                output.Raw(wanted[i].Empty);
        }
        output.Raw("</D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>"u8);
    }
}
