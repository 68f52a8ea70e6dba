using System.Diagnostics;
using System.Globalization;

/// <summary>
/// The .NET runtime calls this before Main in a Kosha that <see cref="Kosha.Tests.Infrastructure.KoshaProcess"/> starts
/// with a crash point: when that step of storage is reached for the n-th time, the process kills itself, as a power
/// failure would. The runtime demands the name, and no namespace.
/// </summary>
#pragma warning disable MA0047
internal static class StartupHook
#pragma warning restore MA0047
{
    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable("CRASH_AT")?.Split(' ') is [var step, var times])
            DiagnosticListener.AllListeners.Subscribe(
                new CrashPoint(step, int.Parse(times, CultureInfo.InvariantCulture)));
    }

    private sealed class CrashPoint(string step, int times)
        : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>
    {
        private int left = times;

        public void OnNext(DiagnosticListener value)
        {
            if (value.Name == "Kosha.Storage")
                value.Subscribe(this, name => name == step);
        }

        public void OnNext(KeyValuePair<string, object?> value)
        {
            // SIGKILL: nothing is cleaned up, no buffer is flushed.
            if (value.Key == step && Interlocked.Decrement(ref left) == 0)
                Process.GetCurrentProcess().Kill();
        }

        public void OnCompleted()
        {
            // Listeners live as long as the process.
        }

        public void OnError(Exception error)
        {
            // Nothing sends errors.
        }
    }
}
