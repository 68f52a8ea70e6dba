using System.Runtime.InteropServices;

namespace Kosha.Daemon;

/// <summary>
/// The first SIGTERM, SIGINT (Ctrl-C) or SIGHUP asks to finish, the second to hurry; a third ends the process as the
/// system would.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource stopping = new();
    private readonly CancellationTokenSource hurrying = new();
    private readonly PosixSignalRegistration[] registrations;

    public StopSignals() => registrations =
        [.. new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP, PosixSignal.SIGQUIT }
            .Select(signal => PosixSignalRegistration.Create(signal, Take))];

    public CancellationToken Stopping => stopping.Token;

    public CancellationToken Hurrying => hurrying.Token;

    private void Take(PosixSignalContext context)
    {
        if (hurrying.IsCancellationRequested)
            return;
        context.Cancel = true;
        (stopping.IsCancellationRequested ? hurrying : stopping).Cancel();
    }

    public void Dispose()
    {
        foreach (var registration in registrations)
            registration.Dispose();
        stopping.Dispose();
        hurrying.Dispose();
    }
}
