using Kosha.Storage.Blobs;

namespace Kosha.Storage.Uploads;

/// <summary>The parts of an upload that a daemon has received, read one after the other.</summary>
internal sealed class JoinedParts(IBlobStore store, Upload upload) : ReadOnlyStream
{
    private int number;
    private Stream? part;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            var count = part is null ? 0 : await part.ReadAsync(buffer, cancellationToken);
            if (count > 0 || buffer.IsEmpty || number == upload.PartCount)
                return count;
            await NextAsync(cancellationToken);
        }
    }

    private async Task NextAsync(CancellationToken ct)
    {
        if (part is not null)
            await part.DisposeAsync();
        part = null;
        number++;
        var key = (upload.Key with { Part = number }).ToString();
        part = await store.OpenAsync(key, BlobPart.Whole(upload.SizeOfPart(number)), ct);
    }

    public override async ValueTask DisposeAsync()
    {
        if (part is not null)
            await part.DisposeAsync();
        await base.DisposeAsync();
    }
}
