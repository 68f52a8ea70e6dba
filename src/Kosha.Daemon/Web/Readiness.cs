using Kosha.Storage;
using Kosha.Storage.Blobs;

namespace Kosha.Daemon.Web;

/// <summary>
/// Whether Kosha can serve: the database and the blob store answer. A finding counts for a moment, so that asking often
/// costs nothing.
/// </summary>
internal sealed class Readiness(Database database, IBlobStore blobs, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim gate = new(1);
    private long? checkedAt;
    private string? problem;

    public void Dispose() => gate.Dispose();

    /// <summary>Why Kosha cannot serve now, in words without secrets; null if it can.</summary>
    public async Task<string?> ProblemAsync(CancellationToken ct)
    {
        await gate.WaitAsync(ct);
        try
        {
            if (checkedAt is { } then && time.GetElapsedTime(then) < Lifetime)
                return problem;
            problem = await LookAsync("The database", database.PingAsync, ct)
                ?? await LookAsync("The blob store", blobs.CheckAsync, ct);
            checkedAt = time.GetTimestamp();
            return problem;
        }
        finally
        {
            gate.Release();
        }
    }

    private async Task<string?> LookAsync(string what, Func<CancellationToken, Task> look, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        try
        {
            await look(limit.Token).WaitAsync(Patience, time, ct);
            return null;
        }
        catch (TimeoutException)
        {
            await limit.CancelAsync();
            return $"{what} does not answer.";
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return $"{what} does not answer: {e.Message}";
        }
    }
}
