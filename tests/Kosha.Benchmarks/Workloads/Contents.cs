using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Kosha.Benchmarks.Workloads;

/// <summary>
/// File contents that are cheap to make and to compare, and never the same twice, so that no server gains by storing
/// equal bytes once. Every run has its own.
/// </summary>
public sealed class Contents
{
    private const int PageBytes = 4096;

    private readonly byte[] pool = new byte[8 << 20];
    private readonly ulong salt;

    public Contents(string run)
    {
        new Random(12345).NextBytes(pool);
        salt = BitConverter.ToUInt64(SHA256.HashData(Encoding.UTF8.GetBytes(run)));
    }

    /// <summary>Fills the buffer with the small content of this number.</summary>
    public void FillSmall(Span<byte> buffer, long number)
    {
        var start = (int)(Mix((ulong)number) % (ulong)(pool.Length - buffer.Length));
        pool.AsSpan(start, buffer.Length).CopyTo(buffer);
        BitConverter.TryWriteBytes(buffer, salt ^ Mix((ulong)number + 1));
    }

    /// <summary>
    /// Fills the buffer with the big content from an offset on; both are multiples of 8. Each page of 4 KiB has a key
    /// of its own.
    /// </summary>
    public void FillBig(Span<byte> buffer, long offset)
    {
        for (var done = 0; done < buffer.Length;)
        {
            var (page, inPage) = Math.DivRem(offset + done, PageBytes);
            var piece = buffer.Slice(done, (int)Math.Min(PageBytes - inPage, buffer.Length - done));
            Xor(pool.AsSpan((int)((offset + done) & (pool.Length - 1)), piece.Length), Mix(salt + (ulong)page), piece);
            done += piece.Length;
        }
    }

    private static void Xor(ReadOnlySpan<byte> source, ulong key, Span<byte> target)
    {
        var keys = new Vector<ulong>(key);
        var from = MemoryMarshal.Cast<byte, Vector<ulong>>(source);
        var to = MemoryMarshal.Cast<byte, Vector<ulong>>(target);
        for (var i = 0; i < to.Length; i++)
            to[i] = from[i] ^ keys;
        for (var i = to.Length * Vector<byte>.Count; i < target.Length; i += sizeof(ulong))
            MemoryMarshal.Write(target[i..], MemoryMarshal.Read<ulong>(source[i..]) ^ key);
    }

    private static ulong Mix(ulong z)
    {
        z += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
