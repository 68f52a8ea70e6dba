using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Kosha.Storage.Blobs;

/// <summary>
/// Received bytes before they have a home, with their digests: in memory when small, else in a temporary file. It is
/// the rewindable source from which storing can be tried again.
/// </summary>
/// <remarks>One pass over the bytes, in memory bounded at any size: while the next buffer fills, the last one is hashed
/// three ways and written, each on its own thread.</remarks>
[SuppressMessage("Security", "CA5350",
    Justification = "SHA-1 and MD5 are the checksums that rclone compares; SHA-256 names the bytes.")]
[SuppressMessage("Security", "CA5351", Justification = "As above.")]
public sealed class Spool : IAsyncDisposable
{
    /// <summary>Bodies up to this size never touch a temporary file.</summary>
    public const int MaxMemoryBytes = 256 * 1024;

    private const int BufferBytes = 1024 * 1024;

    private readonly SpoolFolder folder;
    private byte[]? memory;
    private SafeFileHandle? file;
    private string? path;
    private long reservedBytes;
    private long lookedAtBytes;

    internal Spool(SpoolFolder folder) => this.folder = folder;

    public long Size { get; private set; }

    public BlobId Sha256 { get; private set; }

    public byte[] Sha1 { get; private set; } = [];

    public byte[] Md5 { get; private set; } = [];

    internal BlobContent Content => new(Sha256, Size, Sha1, Md5);

    /// <summary>Receives a body to its end. See <see cref="SpoolFolder.ReceiveAsync"/>.</summary>
    internal async Task ReceiveAsync(
        Stream body, long? announcedBytes, long? maxBytes, Func<StorageException> tooLarge, CancellationToken ct)
    {
        // One byte more than announced, to see the end without growing.
        var expected = Math.Clamp(announcedBytes ?? MaxMemoryBytes, 0, MaxMemoryBytes - 1) + 1;
        var first = ArrayPool<byte>.Shared.Rent((int)expected);
        try
        {
            var count = await body.ReadAtLeastAsync(first, first.Length, throwOnEndOfStream: false, ct);
            if (count > maxBytes)
                throw tooLarge();
            if (count < first.Length)
                KeepInMemory(first.AsSpan(0, count));
            else
                await ReceiveToFileAsync(first.AsMemory(0, count), body, announcedBytes, maxBytes, tooLarge, ct);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(first);
        }
    }

    private void KeepInMemory(ReadOnlySpan<byte> bytes)
    {
        memory = bytes.ToArray();
        Size = bytes.Length;
        Sha256 = new(SHA256.HashData(bytes));
        Sha1 = SHA1.HashData(bytes);
        Md5 = MD5.HashData(bytes);
    }

    private async Task ReceiveToFileAsync(
        ReadOnlyMemory<byte> first, Stream body, long? announcedBytes, long? maxBytes,
        Func<StorageException> tooLarge, CancellationToken ct)
    {
        using var digests = new Digests();
        try
        {
            ReserveFor(Math.Max(announcedBytes ?? 0, first.Length));
            (path, file) = folder.CreateFile(announcedBytes ?? 0);
            await Task.WhenAll(digests.Append(first, WriteAsync(first, 0)));
            Size = first.Length;
            await ReceiveRestAsync(body, digests, maxBytes, tooLarge, ct);
        }
        catch (IOException e) when (Posix.IsNoSpace(e))
        {
            throw DiskReserve.NoSpace(e);
        }
        (Sha256, Sha1, Md5) = digests.Finish();
    }

    private async Task ReceiveRestAsync(
        Stream body, Digests digests, long? maxBytes, Func<StorageException> tooLarge, CancellationToken ct)
    {
        var filling = ArrayPool<byte>.Shared.Rent(BufferBytes);
        var draining = ArrayPool<byte>.Shared.Rent(BufferBytes);
        var drained = Task.CompletedTask;
        try
        {
            while (true)
            {
                var count = await body.ReadAtLeastAsync(
                    filling.AsMemory(0, BufferBytes), BufferBytes, throwOnEndOfStream: false, ct);
                await drained;
                if (count == 0)
                    break;
                if (Size + count > maxBytes)
                    throw tooLarge();
                ReserveFor(Size + count);
                var bytes = filling.AsMemory(0, count);
                drained = Task.WhenAll(digests.Append(bytes, WriteAsync(bytes, Size)));
                Size += count;
                (filling, draining) = (draining, filling);
            }
        }
        finally
        {
            // The buffers are in use until the last drain has ended, well or not.
            await drained.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            ArrayPool<byte>.Shared.Return(filling);
            ArrayPool<byte>.Shared.Return(draining);
        }
    }

    private Task WriteAsync(ReadOnlyMemory<byte> bytes, long offset) =>
        Task.Run(() => RandomAccess.Write(file!, bytes.Span, offset));

    /// <summary>Makes the share of the spool's limit large enough for a file of this size.</summary>
    private void ReserveFor(long size)
    {
        if (size <= reservedBytes)
            return;
        // What was announced has its space already.
        if (size - lookedAtBytes >= SpoolFolder.LookEvery && file is not null)
        {
            folder.RequireFree(size - reservedBytes);
            lookedAtBytes = size;
        }
        folder.Reserve(size - reservedBytes);
        reservedBytes = size;
    }

    /// <summary>The bytes again, from the start. Several readers at once are fine.</summary>
    public Stream OpenRead() => OpenRead(0, Size);

    /// <summary>A part of the bytes; reading it can be begun again, too.</summary>
    public Stream OpenRead(long offset, long length) => memory is not null
        ? new MemoryStream(memory, (int)offset, (int)length, writable: false)
        : new FileSlice(file!, offset, length, ownsHandle: false);

    /// <summary>
    /// Makes the temporary file durable and renames it: the cheapest way into a folder of the same file system. False
    /// if there is no such file, or it lies elsewhere; then the caller copies.
    /// </summary>
    internal bool TryMoveTo(string target)
    {
        if (path is null)
            return false;
        RandomAccess.FlushToDisk(file!);
        if (!Posix.TryRename(path, target))
            return false;
        path = null;
        return true;
    }

    public ValueTask DisposeAsync()
    {
        file?.Dispose();
        if (path is not null)
            File.Delete(path);
        path = null;
        folder.Release(reservedBytes);
        reservedBytes = 0;
        return ValueTask.CompletedTask;
    }

    /// <summary>The three digests of one pass, each on a thread of its own.</summary>
    private sealed class Digests : IDisposable
    {
        private readonly IncrementalHash sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private readonly IncrementalHash sha1 = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        private readonly IncrementalHash md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);

        public Task[] Append(ReadOnlyMemory<byte> bytes, Task beside) =>
        [
            Task.Run(() => md5.AppendData(bytes.Span)),
            Task.Run(() => sha256.AppendData(bytes.Span)),
            Task.Run(() => sha1.AppendData(bytes.Span)),
            beside,
        ];

        public (BlobId Sha256, byte[] Sha1, byte[] Md5) Finish() =>
            (new(sha256.GetHashAndReset()), sha1.GetHashAndReset(), md5.GetHashAndReset());

        public void Dispose()
        {
            sha256.Dispose();
            sha1.Dispose();
            md5.Dispose();
        }
    }
}
