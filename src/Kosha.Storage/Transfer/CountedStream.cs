using Kosha.Storage.Blobs;

namespace Kosha.Storage.Transfer;

/// <summary>A stream that is read, and how many bytes of it were.</summary>
internal sealed class CountedStream(Stream inner, Action<long> count) : ReadOnlyStream
{
    public override int Read(Span<byte> buffer)
    {
        var read = inner.Read(buffer);
        count(read);
        return read;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await inner.ReadAsync(buffer, cancellationToken);
        count(read);
        return read;
    }
}
