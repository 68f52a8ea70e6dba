namespace Kosha.Storage.Blobs;

/// <summary>What is said of an object's bytes to whoever reads them by a link.</summary>
/// <param name="ContentType">The media type.</param>
/// <param name="Disposition">Whether to show or to save them, and under which name; null: nothing is said.</param>
public sealed record LinkedContent(string ContentType, string? Disposition);
