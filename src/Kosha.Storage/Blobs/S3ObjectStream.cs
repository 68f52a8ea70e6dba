using System.Security.Cryptography;
using Amazon.Runtime;
using Amazon.S3.Model;

namespace Kosha.Storage.Blobs;

/// <summary>
/// The body of a GET from S3: exactly as many bytes as were asked for, or an <see cref="IOException"/>. Where the whole
/// object is read, other bytes are an <see cref="InvalidDataException"/>, and what was read last is kept back.
/// </summary>
/// <param name="response">Disposed of with this.</param>
/// <param name="length">Bytes.</param>
/// <param name="sha256">Of all these bytes; null if only a part is read.</param>
internal sealed class S3ObjectStream(GetObjectResponse response, long length, BlobId? sha256) : ReadOnlyStream
{
    private readonly IncrementalHash? hash =
        sha256 is null ? null : IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    private long position;

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
        try
        {
            return await response.ResponseStream.ReadAsync(buffer, ct);
        }
        catch (Exception e) when (e is AmazonClientException or AmazonServiceException or HttpRequestException)
        {
            throw new IOException("The blob store has broken off.", e);
        }
    }

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
