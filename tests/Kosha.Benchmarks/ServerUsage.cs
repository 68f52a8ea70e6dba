using System.Globalization;

namespace Kosha.Benchmarks;

/// <summary>What processes have used: seconds of processor time so far, and megabytes now.</summary>
public sealed record Usage(double Seconds, double Megabytes)
{
    public static readonly Usage None = new(0, 0);

    /// <summary>The work since an earlier moment, and the memory of this one.</summary>
    public Usage Since(Usage earlier) => this with { Seconds = Seconds - earlier.Seconds };
}

/// <summary>
/// Processor time and memory of a server: its processes and everything below them, with a Postgres among them apart.
/// </summary>
public sealed class ServerUsage(IReadOnlyList<int> roots)
{
    /// <summary>USER_HZ, which is 100 on every Linux that .NET runs on.</summary>
    private const double TicksPerSecond = 100;

    private const string DatabaseName = "postgres";

    /// <summary>Now; ended children count, and shared pages are divided among those who share them.</summary>
    public (Usage Server, Usage Database) Read()
    {
        var processes = Processes().ToLookup(pid => Read($"/proc/{pid}/comm").TrimEnd() == DatabaseName);
        return (UsageOf(processes[false]), UsageOf(processes[true]));
    }

    private static Usage UsageOf(IEnumerable<int> processes)
    {
        var pids = processes.ToList();
        return new(
            pids.Sum(pid => StatOf(pid) is { } stat ? stat[11..15].Sum(Number) : 0) / TicksPerSecond,
            pids.Sum(PssOf) / 1000);
    }

    private List<int> Processes()
    {
        var parents = new Dictionary<int, int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var pid)
                && StatOf(pid) is { } stat)
                parents[pid] = (int)Number(stat[1]);
        }
        var found = roots.Where(parents.ContainsKey).ToList();
        for (var i = 0; i < found.Count; i++)
            found.AddRange(parents.Keys.Where(pid => parents[pid] == found[i]));
        return found;
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    // The name stands in brackets and may hold anything: the fields are counted from its end.
    private static string[]? StatOf(int pid)
    {
        var text = Read($"/proc/{pid}/stat");
        return text.Length == 0 ? null : text[(text.LastIndexOf(')') + 2)..].Split(' ');
    }

    private static double PssOf(int pid)
    {
        var line = Read($"/proc/{pid}/smaps_rollup").Split('\n')
            .FirstOrDefault(l => l.StartsWith("Pss:", StringComparison.Ordinal));
        return line is null ? 0 : Number(line[4..].Replace("kB", "", StringComparison.Ordinal));
    }

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
