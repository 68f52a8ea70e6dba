namespace Kosha.Storage.Blobs;

/// <summary>What an S3 store turned out to be when it was tried. All of it is sentences for the operator.</summary>
/// <param name="Capabilities">What it can and cannot do; Kosha serves from it either way.</param>
/// <param name="Warnings">What would lose content or cost money.</param>
/// <param name="ToAdd">Rules that the bucket lacks. Kosha gives them only to a bucket that it makes itself.</param>
public sealed record S3Report(
    IReadOnlyList<string> Capabilities, IReadOnlyList<string> Warnings, IReadOnlyList<string> ToAdd);
