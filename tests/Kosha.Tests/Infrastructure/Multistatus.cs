using System.Globalization;
using System.Xml.Linq;
using Xunit;

namespace Kosha.Tests.Infrastructure;

/// <summary>A 207 body (RFC 4918, 13).</summary>
public sealed record Multistatus(IReadOnlyList<MultistatusItem> Items)
{
    public static readonly XNamespace Dav = "DAV:";
    public static readonly XNamespace OwnCloud = "http://owncloud.org/ns";

    public static Multistatus Parse(string xml)
    {
        var root = XDocument.Parse(xml).Root!;
        Assert.Equal(Dav + "multistatus", root.Name);
        return new([.. root.Elements(Dav + "response").Select(MultistatusItem.Read)]);
    }

    /// <summary>The only item.</summary>
    public MultistatusItem Single => Assert.Single(Items);

    /// <summary>The names of all items but the first, which is the folder itself.</summary>
    public IEnumerable<string> Names => Items.Skip(1).Select(item => item.Name);

    /// <summary>The item of which the decoded href ends in this name, with or without a slash.</summary>
    public MultistatusItem this[string name] => Items.Single(item => item.Name == name);
}

/// <summary>One response element.</summary>
/// <param name="Href">As sent.</param>
/// <param name="Status">Of the whole item; null if its properties have statuses of their own.</param>
/// <param name="Properties">Status and element of every property.</param>
public sealed record MultistatusItem(
    string Href, int? Status, IReadOnlyDictionary<XName, (int Status, XElement Element)> Properties)
{
    /// <summary>The last name of the path, decoded; empty for the root of the server.</summary>
    public string Name => Uri.UnescapeDataString(Href.TrimEnd('/').Split('/')[^1]);

    public bool IsFolder => Properties[Multistatus.Dav + "resourcetype"].Element
        .Element(Multistatus.Dav + "collection") is not null;

    /// <summary>The text of a property that was found; null if it was not.</summary>
    public string? Value(XName name) =>
        Properties.TryGetValue(name, out var found) && found.Status == 200 ? found.Element.Value : null;

    public string? Value(string davName) => Value(Multistatus.Dav + davName);

    internal static MultistatusItem Read(XElement response)
    {
        var properties = new Dictionary<XName, (int, XElement)>();
        foreach (var propstat in response.Elements(Multistatus.Dav + "propstat"))
        {
            var status = StatusOf(propstat)!.Value;
            foreach (var property in propstat.Element(Multistatus.Dav + "prop")!.Elements())
                properties.Add(property.Name, (status, property));
        }
        return new(response.Element(Multistatus.Dav + "href")!.Value, StatusOf(response), properties);
    }

    private static int? StatusOf(XElement parent) =>
        parent.Element(Multistatus.Dav + "status") is { } status
            ? int.Parse(status.Value.Split(' ')[1], CultureInfo.InvariantCulture)
            : null;
}
