namespace Kosha.Tests.Infrastructure;

/// <summary>How much the heavy tests do: <c>make soak</c> sets KOSHA_TEST_SIZE to soak.</summary>
public static class TestSize
{
    public static bool IsSoak => Environment.GetEnvironmentVariable("KOSHA_TEST_SIZE") == "soak";

    public static T Pick<T>(T ci, T soak) => IsSoak ? soak : ci;
}
