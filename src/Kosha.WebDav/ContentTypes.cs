using Kosha.Storage.Tree;
using Microsoft.AspNetCore.StaticFiles;

namespace Kosha.WebDav;

/// <summary>Media types of files.</summary>
public static class ContentTypes
{
    private static readonly FileExtensionContentTypeProvider ByExtension = new();

    /// <summary>The type to send for a file: the client's word if that was useful, else by its extension.</summary>
    public static string Of(FileNode file) => file.ContentType
        ?? (ByExtension.TryGetContentType(file.Name, out var type) ? type : "application/octet-stream");

    /// <summary>What a client says of the bytes that it sends; null: nothing useful.</summary>
    public static string? Read(string? header) => DavHeaders.ReadContentType(header);
}
