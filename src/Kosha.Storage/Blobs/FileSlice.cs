using Microsoft.Win32.SafeHandles;

namespace Kosha.Storage.Blobs;

/// <summary>
/// A read-only stream of a part of a file, with no buffer and no position in the operating system, so that several can
/// read one handle. A file that ends too early is an <see cref="IOException"/>.
/// </summary>
internal sealed class FileSlice(SafeFileHandle handle, long offset, long length, bool ownsHandle) : ReadOnlyStream
{
    private long position;

    public override bool CanSeek => true;

    public override long Length => length;

    public override long Position
    {
        get => position;
        set => position = value >= 0 && value <= length ? value : throw new ArgumentOutOfRangeException(nameof(value));
    }

    public override int Read(Span<byte> buffer)
    {
        var wanted = (int)Math.Min(buffer.Length, length - position);
        if (wanted == 0)
            return 0;
        var count = RandomAccess.Read(handle, buffer[..wanted], offset + position);
        if (count == 0)
            throw new IOException("The stored object is shorter than its row says.");
        position += count;
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <summary>Reads at once: the page cache answers most reads faster than a thread switch would take.</summary>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new(Read(buffer.Span));
    }

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => position + offset,
        _ => length + offset,
    };

    protected override void Dispose(bool disposing)
    {
        if (ownsHandle)
            handle.Dispose();
        base.Dispose(disposing);
    }
}
