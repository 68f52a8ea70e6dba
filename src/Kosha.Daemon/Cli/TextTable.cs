namespace Kosha.Daemon.Cli;

/// <summary>Columns for people.</summary>
internal static class TextTable
{
    public static void Write(TextWriter output, string[] titles, IEnumerable<string[]> rows)
    {
        string[][] lines = [titles, .. rows];
        var widths = titles.Select((_, column) => lines.Max(line => line[column].Length)).ToArray();
        foreach (var line in lines)
            output.WriteLine(string.Join("  ", line.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
    }
}
