namespace Kosha.Storage.Upkeep;

/// <summary>How far work has come.</summary>
/// <param name="Step">What it does now.</param>
/// <param name="Done">Of that, in whatever is counted there.</param>
/// <param name="Total">How many there will be; null: nobody has counted.</param>
public sealed record WorkStep(string Step, long Done, long? Total);

/// <summary>
/// Where long work says how far it has come, as often as it likes: it costs nothing, and whoever wants to know looks.
/// </summary>
public sealed class WorkProgress
{
    private volatile WorkStep? current;

    /// <summary>The last that was said; null: nothing yet.</summary>
    public WorkStep? Current => current;

    public void Say(string step, long done, long? total = null) => current = new(step, done, total);
}
