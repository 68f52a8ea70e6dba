namespace Kosha.Storage.Upkeep;

/// <summary>How many of something, and the first of them in words: there may be more than memory holds.</summary>
public sealed class Findings
{
    private const int MaxShown = 20;

    private readonly List<string> shown = [];

    public long Count { get; private set; }

    /// <summary>The first twenty.</summary>
    public IReadOnlyList<string> Shown => shown;

    public void Add(string line)
    {
        if (++Count <= MaxShown)
            shown.Add(line);
    }

    public void Add(IEnumerable<string> lines)
    {
        foreach (var line in lines)
            Add(line);
    }
}
