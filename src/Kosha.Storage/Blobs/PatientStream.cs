namespace Kosha.Storage.Blobs;

/// <summary>
/// The body of an answer whose sender may be slow, but not silent: a read that brings nothing for so long is an
/// <see cref="IOException"/>. A long body has all the time that it needs.
/// </summary>
/// <param name="inner">Disposed of with this.</param>
/// <param name="patience">For one read.</param>
internal sealed class PatientStream(Stream inner, TimeSpan patience) : ReadOnlyStream
{
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(patience);
        try
        {
            return await inner.ReadAsync(buffer, limit.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException($"The blob store has sent nothing for {patience.TotalSeconds} s.", e);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }
}
