using System.Diagnostics;
using Kosha.Benchmarks.Http;

namespace Kosha.Benchmarks.Workloads;

/// <summary>One thread's part in a load.</summary>
/// <param name="Connection">Its own.</param>
/// <param name="Index">From 0.</param>
/// <param name="Buffer">4 KiB for contents, its own.</param>
public sealed record Worker(Connection Connection, int Index, byte[] Buffer);

/// <summary>Drives operations from a number of connections, as fast as the server answers.</summary>
public static class Load
{
    public const int SmallFileBytes = 4096;
    private const int MaxFailures = 20;

    /// <summary>
    /// Runs operation 0, 1, 2 … until the count or the time is reached. An operation that returns false or throws has
    /// failed.
    /// </summary>
    /// <param name="target">Every worker has a connection to it.</param>
    /// <param name="workers">Connections.</param>
    /// <param name="count">Operations; null: as many as the time allows.</param>
    /// <param name="limit">Time after which no operation begins.</param>
    /// <param name="operation">Gets its worker and its number.</param>
    /// <param name="bytesPerOperation">For rates in MB/s.</param>
    public static Measurement Run(
        Target target, int workers, int? count, TimeSpan limit, Func<Worker, int, bool> operation,
        long bytesPerOperation = 0)
    {
        var state = new State(count ?? int.MaxValue, limit);
        var latencies = Enumerable.Range(0, workers).Select(_ => new List<double>()).ToArray();
        var threads = latencies.Select((own, index) => new Thread(() =>
        {
            using var connection = new Connection(target);
            var worker = new Worker(connection, index, new byte[SmallFileBytes]);
            while (state.Next() is { } number)
                state.Do(own, () => operation(worker, number), connection);
        })).ToList();
        var clock = Stopwatch.StartNew();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        var seconds = clock.Elapsed.TotalSeconds;
        var all = latencies.SelectMany(own => own).Order().ToList();
        return new(all.Count, seconds, all.Count * bytesPerOperation, all, state.Failure);
    }

    /// <summary>One operation, timed alone. It throws if it fails.</summary>
    public static Measurement Once(Target target, long bytes, Action<Connection> operation)
    {
        using var connection = new Connection(target);
        var clock = Stopwatch.StartNew();
        operation(connection);
        var seconds = clock.Elapsed.TotalSeconds;
        return new(1, seconds, bytes, [seconds]);
    }

    private sealed class State(int count, TimeSpan limit)
    {
        private readonly Stopwatch clock = Stopwatch.StartNew();
        private int next = -1;
        private int failures;

        public string? Failure { get; private set; }

        public int? Next()
        {
            if (failures >= MaxFailures || clock.Elapsed > limit)
                return null;
            var number = Interlocked.Increment(ref next);
            return number < count ? number : null;
        }

        public void Do(List<double> latencies, Func<bool> operation, Connection connection)
        {
            var began = Stopwatch.GetTimestamp();
            try
            {
                if (operation())
                    latencies.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
                else
                    Fail($"status {connection.Head.Status}");
            }
            catch (Exception e) when (e is IOException or InvalidDataException or System.Net.Sockets.SocketException)
            {
                connection.Dispose();
                Fail(e.Message);
            }
        }

        private void Fail(string reason)
        {
            Interlocked.Increment(ref failures);
            Failure ??= reason;
        }
    }
}
