using System.Text.RegularExpressions;

namespace Kosha.Tests.Robustness;

/// <summary>One system call that succeeded.</summary>
/// <param name="Name">Such as fsync.</param>
/// <param name="Text">Its arguments, descriptors with their paths in angle brackets, and its result.</param>
/// <param name="Began">The number of the line on which it began.</param>
/// <param name="Ended">The number of the line on which it was over.</param>
public sealed record SystemCall(string Name, string Text, int Began, int Ended);

/// <summary>The output of <c>strace -f -y -o FILE</c>, in which lines stand in the order of events.</summary>
public sealed partial class StraceLog
{
    [GeneratedRegex(@"^(?<pid>\d+)\s+(?<call>\w+)\((?<rest>.*)$")]
    private static partial Regex Start();

    [GeneratedRegex(@"^(?<pid>\d+)\s+<\.\.\. (?<call>\w+) resumed>(?<rest>.*)$")]
    private static partial Regex Resumed();

    private const string Unfinished = "<unfinished ...>";

    public StraceLog(IEnumerable<string> lines)
    {
        var pending = new Dictionary<string, (string Text, int Line)>();
        var calls = new List<SystemCall>();
        foreach (var (number, line) in lines.Index())
        {
            if (Resumed().Match(line) is { Success: true } resumed
                && pending.Remove(resumed.Groups["pid"].Value, out var begun))
            {
                var text = begun.Text + resumed.Groups["rest"].Value;
                calls.Add(new(resumed.Groups["call"].Value, text, begun.Line, number));
            }
            else if (Start().Match(line) is { Success: true } start)
            {
                var rest = start.Groups["rest"].Value;
                if (rest.EndsWith(Unfinished, StringComparison.Ordinal))
                    pending[start.Groups["pid"].Value] = (rest[..^Unfinished.Length], number);
                else
                    calls.Add(new(start.Groups["call"].Value, rest, number, number));
            }
        }
        Calls = [.. calls.Where(call => !call.Text.Contains(" = -1 ", StringComparison.Ordinal))];
    }

    public IReadOnlyList<SystemCall> Calls { get; }

    /// <summary>Calls of one of these names whose text matches.</summary>
    public IEnumerable<SystemCall> Find(string pattern, params string[] names) =>
        Calls.Where(call => names.Contains(call.Name) && Regex.IsMatch(call.Text, pattern, RegexOptions.None));
}
