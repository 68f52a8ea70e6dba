using System.Security.Cryptography;
using Amazon.Runtime;
using Amazon.S3.Model;

namespace Kosha.Storage.Blobs;

/// <summary>
/// The body of a GET from S3: exactly as many bytes as were asked for, or an <see cref="IOException"/>. A store that
/// stops sending is one, too. Where the whole object is read, other bytes are an <see cref="InvalidDataException"/>,
/// and what was read last is kept back.
/// </summary>
/// <param name="response">Disposed of with this.</param>
/// <param name="length">Bytes.</param>
/// <param name="sha256">Of all these bytes; null if only a part is read.</param>
/// <param name="patience">For one read.</param>
internal sealed class S3ObjectStream(GetObjectResponse response, long length, BlobId? sha256, TimeSpan patience)
    : Stream
{
    private readonly IncrementalHash? hash =
        sha256 is null ? null : IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    private long position;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position
    {
        get => position;
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var wanted = (int)Math.Min(buffer.Length, length - position);
        if (wanted == 0)
            return 0;
        var count = await ReadSomeAsync(buffer[..wanted], cancellationToken);
        if (count == 0)
            throw new IOException("The stored object is shorter than its row says.");
        position += count;
        hash?.AppendData(buffer.Span[..count]);
        if (position == length && hash is not null && new BlobId(hash.GetHashAndReset()) != sha256)
            throw new InvalidDataException("The stored object has other bytes than its name says.");
        return count;
    }

    private async ValueTask<int> ReadSomeAsync(Memory<byte> buffer, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(patience);
        try
        {
            return await response.ResponseStream.ReadAsync(buffer, limit.Token);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new IOException($"The blob store has sent nothing for {patience.TotalSeconds} s.", e);
        }
        catch (Exception e) when (e is AmazonClientException or AmazonServiceException or HttpRequestException)
        {
            throw new IOException("The blob store has broken off.", e);
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) =>
        ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            response.Dispose();
            hash?.Dispose();
        }
        base.Dispose(disposing);
    }
}
