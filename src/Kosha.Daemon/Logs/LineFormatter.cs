using System.Globalization;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Display;

namespace Kosha.Daemon.Logs;

/// <summary>
/// One event as one line for people, an exception in indented lines below it. Control characters are written as
/// \u001B: what a client puts into a path can neither begin a line of its own nor command the terminal.
/// </summary>
internal sealed class LineFormatter : ITextFormatter
{
    private static readonly MessageTemplateTextFormatter Line =
        new("{Timestamp:HH:mm:ss} {Level:u3} {Message:l}", CultureInfo.InvariantCulture);

    public void Format(LogEvent logEvent, TextWriter output)
    {
        using var line = new StringWriter(CultureInfo.InvariantCulture);
        Line.Format(logEvent, line);
        WriteEscaped(line.ToString(), output);
        if (logEvent.Exception is not { } exception)
            return;
        foreach (var part in exception.ToString().Split('\n'))
        {
            output.Write("    ");
            WriteEscaped(part.TrimEnd('\r'), output);
        }
    }

    private static void WriteEscaped(string text, TextWriter output)
    {
        foreach (var c in text)
        {
            if (char.IsControl(c) || c is '\u2028' or '\u2029')
                output.Write(string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}"));
            else
                output.Write(c);
        }
        output.WriteLine();
    }
}
