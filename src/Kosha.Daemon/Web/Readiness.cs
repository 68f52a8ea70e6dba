using Kosha.Storage;
using Kosha.Storage.Blobs;

namespace Kosha.Daemon.Web;

/// <summary>
/// Whether Kosha can serve: the database and its own blob store answer. A finding counts for a moment, so that asking
/// often costs nothing. Anybody may ask, so the answer is in general words; the log has the reason.
/// </summary>
internal sealed partial class Readiness(
    Database database, IBlobStore blobs, TimeProvider time, ILogger<Readiness> logger) : IDisposable
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(1);

    private readonly Look[] looks =
    [
        new("The database does not answer.", database.PingAsync, time),
        new("The blob store cannot be used.", ct => CheckStoreAsync(database, blobs, ct), time),
    ];

    private readonly SemaphoreSlim gate = new(1);
    private long? checkedAt;
    private string? problem;

    public void Dispose() => gate.Dispose();

    private static async Task CheckStoreAsync(Database database, IBlobStore blobs, CancellationToken ct)
    {
        await blobs.CheckAsync(ct);
        await new InstallationTable(database).RequirePresentAsync(blobs, ct);
    }

    /// <summary>Why Kosha cannot serve now, in general words; null if it can.</summary>
    public async Task<string?> ProblemAsync(CancellationToken ct)
    {
        await gate.WaitAsync(ct);
        try
        {
            if (checkedAt is { } then && time.GetElapsedTime(then) < Lifetime)
                return problem;
            problem = await LookAsync(ct);
            checkedAt = time.GetTimestamp();
            return problem;
        }
        finally
        {
            gate.Release();
        }
    }

    private async Task<string?> LookAsync(CancellationToken ct)
    {
        foreach (var look in looks)
        {
            if (await look.FailureAsync(ct) is not { } failure)
                continue;
            // Whoever asks, asks every few seconds: once is enough.
            var level = look.Problem == problem ? LogLevel.Debug : LogLevel.Warning;
            LogNotReady(logger, level, look.Problem, failure);
            return look.Problem;
        }
        return null;
    }

    [LoggerMessage("Not ready: {Problem} {Reason}")]
    private static partial void LogNotReady(ILogger logger, LogLevel level, string problem, string reason);

    /// <summary>
    /// One thing to look at. A disk that hangs holds one thread of the pool, not one for each question.
    /// </summary>
    private sealed class Look(string problem, Func<CancellationToken, Task> look, TimeProvider time)
    {
        private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);
        private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

        private Task running = Task.CompletedTask;

        public string Problem => problem;

        /// <summary>What is wrong, in words; null if nothing is.</summary>
        public async Task<string?> FailureAsync(CancellationToken ct)
        {
            if (running.IsCompleted)
                running = Task.Run(RunAsync, CancellationToken.None);
            try
            {
                await running.WaitAsync(Patience, time, ct);
                return null;
            }
            catch (TimeoutException)
            {
                return $"There was no answer within {Patience.TotalSeconds} s.";
            }
            catch (Exception e) when (!ct.IsCancellationRequested)
            {
                return e.Message;
            }
        }

        private async Task RunAsync()
        {
            using var limit = new CancellationTokenSource(Limit, time);
            await look(limit.Token);
        }
    }
}
