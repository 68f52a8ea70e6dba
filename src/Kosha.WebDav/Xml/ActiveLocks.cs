using Kosha.Storage.Tree;

namespace Kosha.WebDav.Xml;

/// <summary>The lockdiscovery element (RFC 4918, 15.8).</summary>
internal static class ActiveLocks
{
    public static void Write(XmlOutput output, IReadOnlyList<NodeLock> locks, DateTime now)
    {
        if (locks.Count == 0)
        {
            output.Raw("<D:lockdiscovery/>"u8);
            return;
        }
        output.Raw("<D:lockdiscovery>"u8);
        foreach (var one in locks)
            Write(output, one, now);
        output.Raw("</D:lockdiscovery>"u8);
    }

    private static void Write(XmlOutput output, NodeLock one, DateTime now)
    {
        output.Raw("<D:activelock><D:locktype><D:write/></D:locktype><D:lockscope>"u8);
        output.Raw(one.IsExclusive ? "<D:exclusive/>"u8 : "<D:shared/>"u8);
        output.Raw("</D:lockscope><D:depth>"u8);
        output.Raw(one.IsDeep ? "infinity"u8 : "0"u8);
        output.Raw("</D:depth>"u8);
        output.Raw(one.Owner);
        output.Raw("<D:timeout>Second-"u8);
        // Never 0 for a lock that stands, and never more than was granted, should two clocks differ.
        var left = (long)Math.Ceiling((one.ExpiresAt - now).TotalSeconds);
        output.Number(Math.Clamp(left, 1, Math.Max(1, one.TimeoutSeconds)));
        output.Raw("</D:timeout><D:locktoken><D:href>"u8);
        output.Raw(LockTokens.Format(one.Token));
        output.Raw("</D:href></D:locktoken><D:lockroot><D:href>"u8);
        output.Raw(DavUrl.Href(one.Root, isFolder: false));
        output.Raw("</D:href></D:lockroot></D:activelock>"u8);
    }
}
