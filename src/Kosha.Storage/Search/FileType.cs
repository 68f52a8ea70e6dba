namespace Kosha.Storage.Search;

/// <summary>Kinds of files that people tell apart, by the end of the name or by the media type.</summary>
public enum FileType
{
    Folder,
    Image,
    Video,
    Audio,
    Document,
    Spreadsheet,
    Presentation,
    Archive,
    Code,
}

/// <summary>What makes a file one of a kind.</summary>
internal static class FileTypes
{
    private static readonly Dictionary<FileType, string[]> Extensions = new()
    {
        [FileType.Folder] = [],
        [FileType.Image] =
        [
            "jpg", "jpeg", "png", "gif", "webp", "avif", "heic", "heif", "svg", "bmp", "tif", "tiff", "ico", "raw",
            "cr2", "cr3", "nef", "arw", "dng", "psd", "xcf", "ai", "eps",
        ],
        [FileType.Video] =
        [
            "mp4", "m4v", "mkv", "webm", "mov", "avi", "wmv", "flv", "mpg", "mpeg", "3gp", "mts", "ogv",
        ],
        [FileType.Audio] = ["mp3", "m4a", "aac", "flac", "wav", "ogg", "oga", "opus", "wma", "aif", "aiff", "mid"],
        [FileType.Document] =
        [
            "pdf", "doc", "docx", "odt", "rtf", "txt", "md", "tex", "epub", "mobi", "pages", "djvu", "ps", "wpd",
        ],
        [FileType.Spreadsheet] = ["xls", "xlsx", "xlsm", "ods", "csv", "tsv", "numbers"],
        [FileType.Presentation] = ["ppt", "pptx", "pps", "ppsx", "odp", "key"],
        [FileType.Archive] =
        [
            "zip", "7z", "rar", "tar", "gz", "tgz", "bz2", "xz", "zst", "lz4", "iso", "dmg", "deb", "rpm", "jar",
        ],
        [FileType.Code] =
        [
            "c", "h", "cc", "cpp", "hpp", "cs", "java", "kt", "js", "mjs", "ts", "tsx", "jsx", "py", "rb", "go", "rs",
            "php", "swift", "sh", "ps1", "sql", "html", "htm", "css", "scss", "json", "xml", "yml", "yaml", "toml",
            "ini", "lua", "r", "scala", "vue",
        ],
    };

    private static readonly Dictionary<FileType, string[]> MediaTypes = new()
    {
        [FileType.Image] = ["image/%"],
        [FileType.Video] = ["video/%"],
        [FileType.Audio] = ["audio/%"],
        [FileType.Document] = ["application/pdf", "application/msword", "text/plain", "text/markdown"],
        [FileType.Archive] = ["application/zip", "application/gzip", "application/x-tar"],
    };

    /// <summary>Without the dot, in lower case.</summary>
    public static string[] ExtensionsOf(IEnumerable<FileType> types) => [.. types.SelectMany(t => Extensions[t])];

    /// <summary>Patterns of LIKE.</summary>
    public static string[] MediaTypesOf(IEnumerable<FileType> types) =>
        [.. types.SelectMany(t => MediaTypes.GetValueOrDefault(t, []))];
}
