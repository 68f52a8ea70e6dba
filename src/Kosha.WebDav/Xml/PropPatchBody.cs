using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Xml;

/// <summary>One property in a PROPPATCH.</summary>
/// <param name="Name">The name.</param>
/// <param name="Xml">The element, as XML that stands alone; null: remove the property.</param>
/// <param name="Text">The element's text.</param>
internal sealed record PropertyInstruction(PropertyName Name, string? Xml, string Text);

/// <summary>A PROPPATCH body (RFC 4918, 14.19).</summary>
internal static class PropPatchBody
{
    public const int MaxInstructions = 500;

    /// <summary>The instructions in the order of the document, at least one.</summary>
    /// <exception cref="DavException">400</exception>
    public static async Task<IReadOnlyList<PropertyInstruction>> ReadAsync(HttpRequest request, CancellationToken ct)
    {
        using var reader = await BodyReader.OpenAsync(request, ct)
            ?? throw DavException.BadRequest("PROPPATCH needs a body.");
        return Read(reader);
    }

    internal static List<PropertyInstruction> Read(BodyReader reader)
    {
        reader.ReadRoot("propertyupdate");
        var found = new List<PropertyInstruction>();
        var (isSet, isRemove, inProp) = (false, false, false);
        while (reader.Read())
        {
            if (!reader.IsElement)
                continue;
            if (reader.Depth == 1)
            {
                isSet = reader.Name == PropertyName.Dav("set");
                isRemove = reader.Name == PropertyName.Dav("remove");
            }
            else if (reader.Depth == 2)
                inProp = (isSet || isRemove) && reader.Name == PropertyName.Dav("prop");
            else if (reader.Depth == 3 && inProp)
                found.Add(ReadInstruction(reader, isSet));
            if (found.Count > MaxInstructions)
                throw DavException.BadRequest($"The request changes more than {MaxInstructions} properties.");
        }
        return found.Count > 0 ? found : throw DavException.BadRequest("The body changes no property.");
    }

    private static PropertyInstruction ReadInstruction(BodyReader reader, bool isSet)
    {
        var name = reader.Name;
        var xml = reader.CopyElement(out var text);
        return new PropertyInstruction(name, isSet ? xml : null, text);
    }
}
