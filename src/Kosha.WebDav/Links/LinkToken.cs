using System.Text;
using Kosha.Storage.Blobs;

namespace Kosha.WebDav.Links;

/// <summary>What one of the daemon's own links gives, and until when: bytes, and neither file nor user.</summary>
/// <param name="ObjectKey">Where the bytes are; empty if there are none.</param>
/// <param name="Size">How many bytes.</param>
/// <param name="Content">What is said of them.</param>
/// <param name="ExpiresAt">At the precision of seconds.</param>
internal sealed record LinkToken(string ObjectKey, long Size, LinkedContent Content, DateTimeOffset ExpiresAt)
{
    private const byte Form = 1;

    public byte[] ToBytes()
    {
        using var bytes = new MemoryStream();
        using (var writer = new BinaryWriter(bytes, Encoding.UTF8))
        {
            writer.Write(Form);
            writer.Write(ExpiresAt.ToUnixTimeSeconds());
            writer.Write(Size);
            writer.Write(ObjectKey);
            writer.Write(Content.ContentType);
            writer.Write(Content.Disposition ?? "");
        }
        return bytes.ToArray();
    }

    /// <summary>Reads what <see cref="ToBytes"/> made, which the signature has proven; null: of another form.</summary>
    public static LinkToken? FromBytes(byte[] bytes)
    {
        using var reader = new BinaryReader(new MemoryStream(bytes), Encoding.UTF8);
        if (reader.ReadByte() != Form)
            return null;
        var expiresAt = DateTimeOffset.FromUnixTimeSeconds(reader.ReadInt64());
        var size = reader.ReadInt64();
        var key = reader.ReadString();
        var type = reader.ReadString();
        var disposition = reader.ReadString();
        return new(key, size, new(type, disposition.Length == 0 ? null : disposition), expiresAt);
    }
}
