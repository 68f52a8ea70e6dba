using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace Kosha.Tests.Infrastructure;

/// <summary>Measured values of a test, shown while the tests run.</summary>
public static class Figures
{
    public static void Show(string text) => TestContext.Current.TestOutputHelper?.WriteLine(text);

    /// <summary>Shows how long the work took.</summary>
    public static async Task<T> TimeAsync<T>(string what, Func<Task<T>> work)
    {
        var clock = Stopwatch.StartNew();
        var result = await work();
        Show(string.Create(CultureInfo.InvariantCulture, $"{what}: {clock.Elapsed.TotalSeconds:F1} s"));
        return result;
    }

    /// <summary>The highest memory of a process so far, in kilobytes; shows it.</summary>
    public static long HighestMemory(int pid)
    {
        var kilobytes = ProcessTree.KilobytesOf(pid, "VmHWM");
        Show($"highest memory of the daemon: {kilobytes / 1000} MB");
        return kilobytes;
    }
}
