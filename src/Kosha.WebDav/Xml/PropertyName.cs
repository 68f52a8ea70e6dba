using System.Security;
using System.Text;

namespace Kosha.WebDav.Xml;

/// <summary>The name of a property: a namespace, perhaps empty, and a local name.</summary>
internal readonly record struct PropertyName(string Namespace, string Local)
{
    public const string DavNamespace = "DAV:";
    public const string OwnCloudNamespace = "http://owncloud.org/ns";
    public const string WindowsNamespace = "urn:schemas-microsoft-com:";

    public static PropertyName Dav(string local) => new(DavNamespace, local);

    public static PropertyName OwnCloud(string local) => new(OwnCloudNamespace, local);

    public static PropertyName Windows(string local) => new(WindowsNamespace, local);

    /// <summary>The key under which a dead property of this name is stored.</summary>
    public string Key => $"{{{Namespace}}}{Local}";

    /// <summary>The name for a stored key.</summary>
    public static PropertyName FromKey(string key)
    {
        var end = key.LastIndexOf('}');
        return new PropertyName(key[1..end], key[(end + 1)..]);
    }

    /// <summary>The empty element of this name, where the prefixes of <see cref="MultiStatus"/> are bound.</summary>
    public byte[] EmptyElement() => Encoding.UTF8.GetBytes(Namespace switch
    {
        DavNamespace => $"<D:{Local}/>",
        OwnCloudNamespace => $"<oc:{Local}/>",
        WindowsNamespace => $"<Z:{Local}/>",
        "" => $"<{Local}/>",
        _ => $"<x:{Local} xmlns:x=\"{SecurityElement.Escape(Namespace)}\"/>",
    });
}
