using System.Globalization;

namespace Kosha.Tests.Infrastructure;

/// <summary>
/// Where the random numbers of a test begin: shown, and set by KOSHA_TEST_SEED to run the same again.
/// </summary>
public static class TestSeed
{
    public static int Next()
    {
        var set = Environment.GetEnvironmentVariable("KOSHA_TEST_SEED");
        var seed = string.IsNullOrEmpty(set) ? Random.Shared.Next() : int.Parse(set, CultureInfo.InvariantCulture);
        Figures.Show($"seed {seed} (KOSHA_TEST_SEED={seed} runs the same again)");
        return seed;
    }
}
