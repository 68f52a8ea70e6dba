using System.Diagnostics;
using Xunit;

namespace Kosha.Tests.Infrastructure;

/// <summary>Waits for a condition that another process brings about and that nothing announces.</summary>
public static class Eventually
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(25);

    public static Task TrueAsync(string what, Func<bool> condition, int seconds = 30) =>
        TrueAsync(what, () => Task.FromResult(condition()), seconds);

    public static async Task TrueAsync(string what, Func<Task<bool>> condition, int seconds = 30)
    {
        var clock = Stopwatch.StartNew();
        using var looks = new PeriodicTimer(Interval);
        while (!await condition())
        {
            if (clock.Elapsed.TotalSeconds > seconds)
                Assert.Fail($"Not within {seconds} s: {what}");
            await looks.WaitForNextTickAsync();
        }
    }
}
