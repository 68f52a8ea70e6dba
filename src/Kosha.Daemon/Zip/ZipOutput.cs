using System.IO.Pipelines;

namespace Kosha.Daemon.Zip;

/// <summary>Counts what goes out and sends it on in blocks, at the reader's pace.</summary>
internal sealed class ZipOutput(PipeWriter writer) : Stream
{
    private const int FlushBytes = 128 * 1024;

    private int waiting;
    private long written;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => written;

    /// <summary>Bytes so far.</summary>
    public override long Position
    {
        get => written;
        set => throw new NotSupportedException();
    }

    public override async ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!buffer.IsEmpty)
        {
            var block = writer.GetMemory();
            var part = buffer[..Math.Min(buffer.Length, block.Length)];
            part.CopyTo(block);
            writer.Advance(part.Length);
            buffer = buffer[part.Length..];
            written += part.Length;
            waiting += part.Length;
            if (waiting >= FlushBytes)
                await SendAsync(cancellationToken);
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <summary>Sends what waits.</summary>
    /// <exception cref="OperationCanceledException">Nobody reads any more.</exception>
    public async Task SendAsync(CancellationToken ct)
    {
        waiting = 0;
        if ((await writer.FlushAsync(ct)).IsCompleted)
            throw new OperationCanceledException("The client went away.");
    }

    /// <summary>What compresses flushes at its end; the blocks go out whole all the same.</summary>
    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
        // As above.
    }

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
