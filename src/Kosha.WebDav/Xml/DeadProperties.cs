using System.Text.Json;

namespace Kosha.WebDav.Xml;

/// <summary>Properties that Kosha only keeps for clients: stand-alone XML elements by "{namespace}name".</summary>
internal static class DeadProperties
{
    private static readonly Dictionary<string, string> None = [];

    /// <summary>Reads <see cref="Kosha.Storage.Tree.FileNode.Properties"/>.</summary>
    public static Dictionary<string, string> Read(string? json) =>
        json is null ? None : JsonSerializer.Deserialize<Dictionary<string, string>>(json) ?? None;
}
