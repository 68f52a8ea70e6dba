using System.Globalization;
using System.Runtime.InteropServices;

namespace Kosha.Tests.Infrastructure;

/// <summary>What /proc knows about running processes, and signals to them.</summary>
public static partial class ProcessTree
{
    public const int SigInt = 2;
    public const int SigKill = 9;
    public const int SigTerm = 15;

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int pid, int signal);

    public static void Signal(int pid, int signal)
    {
        if (SendSignal(pid, signal) != 0 && Exists(pid))
            throw new InvalidOperationException($"No signal to {pid}: errno {Marshal.GetLastPInvokeError()}.");
    }

    /// <summary>False also for a process that has ended and that its parent has not asked about yet.</summary>
    public static bool Exists(int pid) => Stat(pid) is { } stat && stat[0] != "Z";

    /// <summary>The process and everything below it, parents first.</summary>
    public static IReadOnlyList<int> WithDescendants(int pid)
    {
        var parents = new Dictionary<int, int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), out var id) && Stat(id) is { } stat)
                parents[id] = int.Parse(stat[1], CultureInfo.InvariantCulture);
        }
        var found = new List<int> { pid };
        for (var i = 0; i < found.Count; i++)
            found.AddRange(parents.Where(pair => pair.Value == found[i]).Select(pair => pair.Key).Order());
        return found;
    }

    /// <summary>The short name of the program, as in top; empty if the process is gone.</summary>
    public static string Name(int pid) => Read($"/proc/{pid}/comm").TrimEnd();

    public static string CommandLine(int pid) => Read($"/proc/{pid}/cmdline").Replace('\0', ' ');

    /// <summary>A figure of /proc/PID/status in kB, such as VmHWM (the highest memory so far) or VmRSS.</summary>
    public static long KilobytesOf(int pid, string field)
    {
        var value = StatusOf(pid, field).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[0];
        return long.Parse(value, CultureInfo.InvariantCulture);
    }

    /// <summary>The effective user.</summary>
    public static int UserIdOf(int pid) =>
        int.Parse(StatusOf(pid, "Uid").Split('\t')[2], CultureInfo.InvariantCulture);

    private static string StatusOf(int pid, string field) => Read($"/proc/{pid}/status").Split('\n')
        .First(line => line.StartsWith(field + ":", StringComparison.Ordinal))[(field.Length + 1)..];

    /// <summary>Begins the measurement of VmHWM anew.</summary>
    public static void ResetHighestMemory(int pid) => File.WriteAllText($"/proc/{pid}/clear_refs", "5");

    // The name stands in brackets and may hold anything, so the fields are counted from its end: state, parent, ….
    private static string[]? Stat(int pid)
    {
        var stat = Read($"/proc/{pid}/stat");
        return stat.Length == 0 ? null : stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
    }

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            return "";
        }
    }
}
