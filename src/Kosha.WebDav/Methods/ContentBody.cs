using Kosha.Storage;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Methods;

/// <summary>Copies stored bytes into an answer, in bounded memory, at the client's pace.</summary>
internal static class ContentBody
{
    private const int ChunkBytes = 64 * 1024;

    /// <summary>Few flushes make few system calls; this many bytes wait at most.</summary>
    private const int FlushBytes = 256 * 1024;

    /// <summary>
    /// Sends exactly <paramref name="length"/> bytes. If the source fails after the first of them, the connection is
    /// cut: error text never lands in a file.
    /// </summary>
    public static async Task CopyAsync(Stream source, long length, HttpResponse response, CancellationToken ct)
    {
        var left = length;
        try
        {
            left = await CopyCoreAsync(source, length, response, ct);
        }
        catch (Exception) when (response.HasStarted)
        {
            response.HttpContext.Abort();
            throw;
        }
        catch (IOException e) when (!ct.IsCancellationRequested)
        {
            throw new StorageException(StorageFault.Unavailable, "The file cannot be read now. Try again.", e);
        }
        if (left > 0 && !ct.IsCancellationRequested)
        {
            response.HttpContext.Abort();
            throw new EndOfStreamException($"The stored content ended {left} bytes early.");
        }
    }

    private static async Task<long> CopyCoreAsync(Stream source, long left, HttpResponse response, CancellationToken ct)
    {
        var writer = response.BodyWriter;
        // The first read may still fail with a proper answer, so its bytes alone go out at once and begin the response.
        var waiting = FlushBytes;
        while (left > 0)
        {
            var memory = writer.GetMemory((int)Math.Min(left, ChunkBytes));
            var count = await source.ReadAsync(memory.Length > left ? memory[..(int)left] : memory, ct);
            if (count == 0)
                break;
            writer.Advance(count);
            left -= count;
            waiting += count;
            if (waiting < FlushBytes && left > 0)
                continue;
            waiting = 0;
            if ((await writer.FlushAsync(ct)).IsCompleted)
                break;
        }
        return left;
    }
}
