namespace Kosha.Tests.Infrastructure;

/// <summary>A read-only stream of any length that looks random, is the same each time and needs no memory.</summary>
public sealed class PatternStream(long length, int seed) : Stream
{
    // A prime number of bytes, so that the repetition meets no block size.
    private readonly byte[] pattern = Make(seed);
    private long position;

    private static byte[] Make(int seed)
    {
        var bytes = new byte[1_048_573];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>Called with the position before each read.</summary>
    public Func<long, Task>? BeforeRead { get; init; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position { get => position; set => throw new NotSupportedException(); }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        var at = (int)(position % pattern.Length);
        var count = (int)Math.Min(Math.Min(buffer.Length, pattern.Length - at), length - position);
        pattern.AsSpan(at, count).CopyTo(buffer);
        position += count;
        return count;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (BeforeRead is not null)
            await BeforeRead(position);
        return Read(buffer.Span);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
