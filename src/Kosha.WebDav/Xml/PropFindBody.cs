using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Xml;

/// <summary>The three forms of PROPFIND.</summary>
internal enum PropFindKind
{
    AllProp,
    PropName,
    Prop,
}

/// <summary>A PROPFIND body (RFC 4918, 14.20).</summary>
/// <param name="Kind">The form.</param>
/// <param name="Names">For Prop what is wanted, for AllProp what is wanted beside ("include").</param>
internal sealed record PropFindBody(PropFindKind Kind, IReadOnlyList<PropertyName> Names)
{
    /// <summary>Names in one request.</summary>
    public const int MaxNames = 500;

    private static readonly PropFindBody AllProp = new(PropFindKind.AllProp, []);

    /// <summary>No body means allprop.</summary>
    public static async Task<PropFindBody> ReadAsync(HttpRequest request, CancellationToken ct)
    {
        using var reader = await BodyReader.OpenAsync(request, ct);
        return reader is null ? AllProp : Read(reader);
    }

    /// <exception cref="DavException">400</exception>
    internal static PropFindBody Read(BodyReader reader)
    {
        reader.ReadRoot("propfind");
        PropFindKind? kind = null;
        var names = new List<PropertyName>();
        var takesNames = false;
        while (reader.Read())
        {
            if (!reader.IsElement)
                continue;
            if (reader.Depth == 1)
                takesNames = ReadForm(reader.Name, ref kind);
            else if (reader.Depth == 2 && takesNames)
                names.Add(reader.Name);
            if (names.Count > MaxNames)
                throw DavException.BadRequest($"The request names more than {MaxNames} properties.");
        }
        return new PropFindBody(kind ?? throw NotOneForm(), names);
    }

    /// <summary>Reads a child of propfind; unknown ones mean nothing. True: property names stand in it.</summary>
    private static bool ReadForm(PropertyName name, ref PropFindKind? kind)
    {
        if (name.Namespace != PropertyName.DavNamespace)
            return false;
        PropFindKind? found = name.Local switch
        {
            "allprop" => PropFindKind.AllProp,
            "propname" => PropFindKind.PropName,
            "prop" => PropFindKind.Prop,
            _ => null,
        };
        if (found is null)
            return name.Local == "include";
        kind = kind is null ? found : throw NotOneForm();
        return found == PropFindKind.Prop;
    }

    private static DavException NotOneForm() =>
        DavException.BadRequest("A propfind element has exactly one of allprop, propname and prop.");
}
