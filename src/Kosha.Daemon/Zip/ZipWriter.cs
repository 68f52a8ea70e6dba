using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Kosha.Storage;

namespace Kosha.Daemon.Zip;

/// <summary>
/// Writes a zip file (APPNOTE 6.3) that is never held as a whole: of each entry some hundred bytes are kept, for the
/// directory at the end. Names are UTF-8; times are right to the second, in UTC, for readers that know the extended
/// timestamp; any size (Zip64). Without <see cref="FinishAsync"/> no reader takes it for whole.
/// </summary>
internal sealed class ZipWriter(ZipOutput output)
{
    private const ushort Utf8Names = 0x0800;
    private const ushort SizesFollow = 0x0008;
    private const ushort Deflated = 8;
    private const ushort Version = 20;
    private const ushort Zip64Version = 45;
    private const ushort MadeByUnix = 3 << 8;
    private const uint FileMode = 0x81A4u << 16;
    private const uint FolderMode = (0x41EDu << 16) | 0x10;

    /// <summary>A content that stays below this needs no Zip64 even where deflating makes it larger.</summary>
    private const long LargeBytes = 0xF000_0000;

    /// <summary>Of one path, by its form.</summary>
    private const int MaxPathBytes = ushort.MaxValue;

    /// <summary>Of all that is kept until the end.</summary>
    private const int MaxDirectoryBytes = 16 << 20;

    private const int BufferBytes = 128 * 1024;

    private readonly ArrayBufferWriter<byte> directory = new();
    private long entries;

    /// <param name="Name">In UTF-8.</param>
    private sealed record Entry(
        byte[] Name, DateTime ModifiedAt, long Offset, bool IsLarge, ushort Flags, ushort Method)
    {
        public uint Crc { get; init; }

        public long Compressed { get; init; }

        public long Size { get; init; }

        public uint Mode { get; init; } = FileMode;
    }

    /// <param name="path">Ends in '/'.</param>
    public async Task AddFolderAsync(string path, DateTime modifiedAt, CancellationToken ct)
    {
        var entry = new Entry(NameOf(path), modifiedAt, output.Position, IsLarge: false, Utf8Names, 0)
        {
            Mode = FolderMode,
        };
        await output.WriteAsync(Local(entry), ct);
        List(entry);
    }

    /// <summary>
    /// A file. All are deflated, of which a reader finds the end also where it cannot go back to read the directory;
    /// what cannot be compressed goes into blocks that are stored.
    /// </summary>
    /// <param name="size">Bytes that <paramref name="content"/> has.</param>
    /// <param name="level">zlib's: 0 stores.</param>
    /// <exception cref="EndOfStreamException">It has fewer.</exception>
    public async Task AddFileAsync(
        string path, DateTime modifiedAt, long size, int level, Stream content, CancellationToken ct)
    {
        var entry = new Entry(NameOf(path), modifiedAt, output.Position, size >= LargeBytes,
            size == 0 ? Utf8Names : (ushort)(Utf8Names | SizesFollow), size == 0 ? (ushort)0 : Deflated);
        await output.WriteAsync(Local(entry), ct);
        if (size > 0)
        {
            var start = output.Position;
            uint crc;
            var options = new ZLibCompressionOptions { CompressionLevel = level };
            await using (var deflate = new DeflateStream(output, options, leaveOpen: true))
                crc = await CopyAsync(content, size, deflate, ct);
            entry = entry with { Crc = crc, Compressed = output.Position - start, Size = size };
            await output.WriteAsync(Descriptor(entry), ct);
        }
        List(entry);
    }

    private byte[] NameOf(string path)
    {
        var name = Encoding.UTF8.GetBytes(path);
        return name.Length <= MaxPathBytes && directory.WrittenCount <= MaxDirectoryBytes
            ? name
            : throw new StorageException(StorageFault.LimitReached, "The paths are too long for a zip file.");
    }

    private static async Task<uint> CopyAsync(Stream content, long size, Stream target, CancellationToken ct)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            var crc = 0u;
            for (var left = size; left > 0;)
            {
                var count = await content.ReadAsync(buffer.AsMemory(0, (int)Math.Min(left, buffer.Length)), ct);
                if (count == 0)
                    throw new EndOfStreamException($"The stored content ended {left} bytes early.");
                crc = Crc32.Append(crc, buffer.AsSpan(0, count));
                await target.WriteAsync(buffer.AsMemory(0, count), ct);
                left -= count;
            }
            return crc;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // Records ---------------------------------------------------------------------------------------------------------

    /// <summary>4.3.7: what stands before an entry.</summary>
    private static byte[] Local(Entry entry)
    {
        var record = new Record().Four(0x04034B50).Two(entry.IsLarge ? Zip64Version : Version).Two(entry.Flags)
            .Two(entry.Method).Four(DosTime(entry.ModifiedAt)).Four(0)
            .Four(entry.IsLarge ? uint.MaxValue : 0).Four(entry.IsLarge ? uint.MaxValue : 0).Two(entry.Name.Length);
        var extra = new Record();
        if (entry.IsLarge)
            extra.Two(0x0001).Two(16).Eight(0).Eight(0);
        Timestamp(extra, entry.ModifiedAt);
        return record.Two(extra.Length).Bytes(entry.Name).Bytes(extra.ToArray()).ToArray();
    }

    /// <summary>4.3.9: what stands behind its bytes.</summary>
    private static byte[] Descriptor(Entry entry)
    {
        var record = new Record().Four(0x08074B50).Four(entry.Crc);
        return (entry.IsLarge
            ? record.Eight(entry.Compressed).Eight(entry.Size)
            : record.Four((uint)entry.Compressed).Four((uint)entry.Size)).ToArray();
    }

    /// <summary>4.3.12: what the directory says of an entry.</summary>
    private void List(Entry entry)
    {
        var isFar = entry.Offset >= uint.MaxValue;
        var record = new Record().Four(0x02014B50).Two(MadeByUnix | Zip64Version)
            .Two(entry.IsLarge || isFar ? Zip64Version : Version).Two(entry.Flags).Two(entry.Method)
            .Four(DosTime(entry.ModifiedAt)).Four(entry.Crc)
            .Four(entry.IsLarge ? uint.MaxValue : (uint)entry.Compressed)
            .Four(entry.IsLarge ? uint.MaxValue : (uint)entry.Size).Two(entry.Name.Length);
        var extra = new Record();
        if (entry.IsLarge || isFar)
            extra.Two(0x0001).Two((entry.IsLarge ? 16 : 0) + (isFar ? 8 : 0));
        if (entry.IsLarge)
            extra.Eight(entry.Size).Eight(entry.Compressed);
        if (isFar)
            extra.Eight(entry.Offset);
        Timestamp(extra, entry.ModifiedAt);
        record.Two(extra.Length).Two(0).Two(0).Two(0).Four(entry.Mode)
            .Four(isFar ? uint.MaxValue : (uint)entry.Offset).Bytes(entry.Name).Bytes(extra.ToArray());
        directory.Write(record.ToArray());
        entries++;
    }

    /// <summary>The directory, which makes it a zip file, and all that waits yet.</summary>
    public async Task FinishAsync(CancellationToken ct)
    {
        var (start, length) = (output.Position, (long)directory.WrittenCount);
        await output.WriteAsync(directory.WrittenMemory, ct);
        var end = new Record();
        var isLarge = entries >= ushort.MaxValue || start >= uint.MaxValue || length >= uint.MaxValue;
        if (isLarge)
            end.Four(0x06064B50).Eight(44).Two(MadeByUnix | Zip64Version).Two(Zip64Version).Four(0).Four(0)
                .Eight(entries).Eight(entries).Eight(length).Eight(start)
                .Four(0x07064B50).Four(0).Eight(start + length).Four(1);
        var count = isLarge ? ushort.MaxValue : (int)entries;
        end.Four(0x06054B50).Two(0).Two(0).Two(count).Two(count)
            .Four(isLarge ? uint.MaxValue : (uint)length).Four(isLarge ? uint.MaxValue : (uint)start).Two(0);
        await output.WriteAsync(end.ToArray(), ct);
        await output.SendAsync(ct);
    }

    /// <summary>Info-ZIP's "UT": seconds since 1970 in UTC, where they fit.</summary>
    private static void Timestamp(Record extra, DateTime time)
    {
        var seconds = (time - DateTime.UnixEpoch).TotalSeconds;
        if (seconds is >= int.MinValue and <= int.MaxValue)
            extra.Two(0x5455).Two(5).One(1).Four((uint)(int)Math.Floor(seconds));
    }

    /// <summary>Of old readers: right to two seconds, in the years 1980 to 2107.</summary>
    private static uint DosTime(DateTime time)
    {
        if (time.Year < 1980)
            return (1 << 21) | (1 << 16);
        var year = Math.Min(time.Year, 2107) - 1980;
        return (uint)((year << 25) | (time.Month << 21) | (time.Day << 16) | (time.Hour << 11) | (time.Minute << 5)
            | (time.Second / 2));
    }

    /// <summary>Numbers with their low byte first.</summary>
    private sealed class Record
    {
        private readonly ArrayBufferWriter<byte> bytes = new(128);

        public int Length => bytes.WrittenCount;

        public Record One(byte value) => Bytes([value]);

        public Record Two(int value)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.GetSpan(2), (ushort)value);
            bytes.Advance(2);
            return this;
        }

        public Record Four(uint value)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.GetSpan(4), value);
            bytes.Advance(4);
            return this;
        }

        public Record Eight(long value)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes.GetSpan(8), value);
            bytes.Advance(8);
            return this;
        }

        public Record Bytes(ReadOnlySpan<byte> value)
        {
            bytes.Write(value);
            return this;
        }

        public byte[] ToArray() => bytes.WrittenSpan.ToArray();
    }
}
