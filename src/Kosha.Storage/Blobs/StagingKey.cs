using System.Globalization;
using System.Runtime.InteropServices;

namespace Kosha.Storage.Blobs;

/// <summary>
/// Where the bytes of an upload wait until they are verified: <c>uploads/&lt;user&gt;/&lt;upload&gt;</c> in every
/// store. No content is ever read from there, and no key is used by two uploads.
/// </summary>
/// <param name="UserId">Whose upload it is.</param>
/// <param name="UploadId">The upload.</param>
/// <param name="Part">A part that a daemon received; 0: a copy that no URL leads to; null: all of it.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct StagingKey(long UserId, long UploadId, int? Part = null)
{
    /// <summary>Holds all staging keys and nothing else of Kosha's.</summary>
    public const string Folder = "uploads/";

    /// <summary>Reads what <see cref="ToString"/> made; null if it did not make this.</summary>
    public static StagingKey? Parse(string key)
    {
        if (!key.StartsWith(Folder, StringComparison.Ordinal)
            || key[Folder.Length..].Split('/') is not [var user, var upload]
            || upload.Split('.') is not [var id, .. { Length: <= 1 } part])
            return null;
        if (!TryNumber(user, out var userId) || !TryNumber(id, out var uploadId))
            return null;
        var number = 0L;
        if (part.Length == 1 && !TryNumber(part[0], out number))
            return null;
        var found = new StagingKey(userId, uploadId, part.Length == 1 ? (int)number : null);
        return found.ToString() == key ? found : null;
    }

    private static bool TryNumber(string text, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Folder}{UserId}/{UploadId}{(Part is null ? "" : ".")}{Part}");
}
