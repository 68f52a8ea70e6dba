using System.Text;
using System.Xml;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Kosha.WebDav.Xml;

/// <summary>
/// The XML body of a request, read forward only. Bounded in bytes, depth and elements; without document types, so
/// without entities. Every breach is a <see cref="DavException"/>: 413 for the size, else 400.
/// </summary>
internal sealed class BodyReader : IDisposable
{
    public const int MaxBytes = 1 << 20;
    public const int MaxDepth = 64;
    public const int MaxElements = 10_000;

    private static readonly XmlReaderSettings ReaderSettings = new()
    {
        DtdProcessing = DtdProcessing.Prohibit,
        XmlResolver = null,
        MaxCharactersInDocument = MaxBytes,
        IgnoreComments = true,
        IgnoreProcessingInstructions = true,
    };

    private static readonly XmlWriterSettings WriterSettings = new()
    {
        OmitXmlDeclaration = true,
        ConformanceLevel = ConformanceLevel.Fragment,
        NewLineHandling = NewLineHandling.Entitize,
    };

    private readonly XmlReader reader;
    private int elements;

    internal BodyReader(Stream body) => reader = XmlReader.Create(body, ReaderSettings);

    /// <summary>The root has depth 0.</summary>
    public int Depth => reader.Depth;

    public bool IsElement => reader.NodeType == XmlNodeType.Element;

    public PropertyName Name => new(reader.NamespaceURI, reader.LocalName);

    /// <summary>Reads the body to its end. Null: there is none.</summary>
    public static async Task<BodyReader?> OpenAsync(HttpRequest request, CancellationToken ct)
    {
        var length = request.ContentLength;
        if (length > MaxBytes)
            throw TooLarge();
        var canHaveBody = request.HttpContext.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody ?? true;
        if (length == 0 || !canHaveBody)
            return null;
        var body = new MemoryStream((int)(length ?? 1024));
        var chunk = new byte[Math.Min(8192, (int)(length ?? 8192))];
        int count;
        while ((count = await request.Body.ReadAsync(chunk, ct)) > 0)
        {
            if (body.Length + count > MaxBytes)
                throw TooLarge();
            body.Write(chunk, 0, count);
        }
        body.Position = 0;
        return body.Length == 0 ? null : new BodyReader(body);
    }

    /// <summary>Goes to the next node. False at the end of the body, which has then been found well-formed.</summary>
    public bool Read()
    {
        try
        {
            if (!reader.Read())
                return false;
        }
        catch (XmlException e)
        {
            throw NotXml(e);
        }
        if (reader.NodeType == XmlNodeType.Element && ++elements > MaxElements)
            throw DavException.BadRequest($"The body has more than {MaxElements} elements.");
        if (reader.Depth > MaxDepth)
            throw DavException.BadRequest($"The body is nested deeper than {MaxDepth} elements.");
        return true;
    }

    /// <summary>Goes to the root element and checks its name.</summary>
    public void ReadRoot(string local)
    {
        while (Read() && !IsElement)
        {
        }
        if (!IsElement || Name != PropertyName.Dav(local))
            throw DavException.BadRequest($"The body is not a DAV: {local} element.");
    }

    /// <summary>
    /// Copies the element that the reader stands on so that it can stand alone: with its namespaces, and with the
    /// xml:lang that holds around it (RFC 4918, 4.3). Afterwards the reader stands at its end.
    /// </summary>
    /// <param name="text">All text within, for properties that are plain values.</param>
    public string CopyElement(out string text)
    {
        var xml = new StringBuilder();
        var letters = new StringBuilder();
        try
        {
            CopyElement(xml, letters);
        }
        catch (XmlException e)
        {
            // A long text is read on when its value is asked for.
            throw NotXml(e);
        }
        text = letters.ToString();
        return xml.ToString();
    }

    private void CopyElement(StringBuilder xml, StringBuilder letters)
    {
        using var writer = XmlWriter.Create(xml, WriterSettings);
        var depth = reader.Depth;
        CopyStart(writer, withLanguage: true);
        var isOpen = !reader.IsEmptyElement;
        while (isOpen && Read())
        {
            Copy(writer, letters);
            isOpen = reader.Depth > depth;
        }
    }

    private void Copy(XmlWriter writer, StringBuilder letters)
    {
        switch (reader.NodeType)
        {
            case XmlNodeType.Element:
                CopyStart(writer, withLanguage: false);
                break;
            case XmlNodeType.EndElement:
                writer.WriteFullEndElement();
                break;
            case XmlNodeType.Text or XmlNodeType.CDATA or XmlNodeType.Whitespace or XmlNodeType.SignificantWhitespace:
                letters.Append(reader.Value);
                writer.WriteString(reader.Value);
                break;
        }
    }

    private void CopyStart(XmlWriter writer, bool withLanguage)
    {
        writer.WriteStartElement(reader.Prefix, reader.LocalName, reader.NamespaceURI);
        if (withLanguage && reader.XmlLang.Length > 0 && reader.GetAttribute("xml:lang") is null)
            writer.WriteAttributeString("xml", "lang", ns: null, reader.XmlLang);
        if (reader.HasAttributes)
            writer.WriteAttributes(reader, defattr: false);
        if (reader.IsEmptyElement)
            writer.WriteEndElement();
    }

    private static DavException NotXml(XmlException e) =>
        DavException.BadRequest($"Line {e.LineNumber} of the body is not XML, or is a document type.");

    private static DavException TooLarge() => new(413, $"The body is larger than {MaxBytes} bytes.");

    public void Dispose() => reader.Dispose();
}
