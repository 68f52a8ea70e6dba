using System.Globalization;
using Kosha.Storage.Transfer;

namespace Kosha.Daemon.Cli;

/// <summary>
/// Shows how far an import or export is: a line that is drawn anew on a terminal, and at the end, on standard output,
/// what was done.
/// </summary>
internal sealed class TransferProgress(TransferTally tally, TimeProvider time)
{
    private const int BarWidth = 24;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    private readonly long startedAt = time.GetTimestamp();

    /// <summary>Until the work has ended; what it failed with passes through.</summary>
    public async Task ShowAsync(Task work)
    {
        var isTerminal = !Console.IsErrorRedirected;
        using var timer = new PeriodicTimer(Interval, time);
        while (isTerminal && !work.IsCompleted)
        {
            await Task.WhenAny(work, timer.WaitForNextTickAsync().AsTask());
            await Console.Error.WriteAsync($"\r\u001b[K{Line()}");
        }
        await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (isTerminal)
            await Console.Error.WriteLineAsync();
        await Console.Out.WriteLineAsync(Summary());
        await work;
    }

    internal string Line()
    {
        var share = tally.TotalBytes > 0 ? Math.Clamp((double)tally.Bytes / tally.TotalBytes, 0, 1) : 0;
        var seconds = Math.Max(time.GetElapsedTime(startedAt).TotalSeconds, 0.001);
        var bar = new string('#', (int)(share * BarWidth)).PadRight(BarWidth, '-');
        var files = string.Create(
            CultureInfo.InvariantCulture, $"{tally.Files + tally.Same:N0} of {tally.TotalFiles:N0} files");
        var rate = Size((long)(tally.Bytes / seconds));
        var line = $"[{bar}] {files}, {Size(tally.Bytes)} of {Size(tally.TotalBytes)}, {rate}/s";
        return tally.Problems.Count == 0 ? line
            : string.Create(CultureInfo.InvariantCulture, $"{line}, {tally.Problems.Count:N0} left out");
    }

    internal string Summary() => string.Create(CultureInfo.InvariantCulture,
        $"{tally.Files:N0} files brought over, {tally.Same:N0} were there already, ")
        + string.Create(CultureInfo.InvariantCulture, $"{tally.Problems.Count:N0} left out.");

    private static string Size(long bytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB"];
        var unit = 0;
        double number = bytes;
        for (; number >= 1000 && unit < units.Length - 1; unit++)
            number /= 1024;
        return string.Create(CultureInfo.InvariantCulture, $"{number:0.#} {units[unit]}");
    }
}
