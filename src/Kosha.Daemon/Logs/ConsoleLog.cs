using Serilog;
using Serilog.Core;
using Serilog.Events;

namespace Kosha.Daemon.Logs;

/// <summary>The log on the console: lines for people, or CLEF for machines. No event holds a secret.</summary>
internal static class ConsoleLog
{
    /// <summary>The log of the daemon, on standard output.</summary>
    public static Logger ForDaemon(KoshaOptions options) => Create(options, options.LogLevel, standardError: false);

    /// <summary>
    /// The log of a command: on standard error and only what is wrong, because the output is the result.
    /// </summary>
    public static Logger ForCommand(KoshaOptions options) => Create(options,
        options.LogLevel == LogEventLevel.Debug ? LogEventLevel.Debug : LogEventLevel.Warning, standardError: true);

    private static Logger Create(KoshaOptions options, LogEventLevel level, bool standardError)
    {
        var configuration = new LoggerConfiguration().MinimumLevel.Is(level)
            // The framework tells each request twice; Kosha has its own line for those that fail.
            .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
            .MinimumLevel.Override("Npgsql", LogEventLevel.Warning)
            .MinimumLevel.Override("Quartz", LogEventLevel.Warning);
        LogEventLevel? errorsFrom = standardError ? LogEventLevel.Verbose : null;
        return (options.LogFormat == LogFormat.Json
            ? configuration.WriteTo.Console(new ClefFormatter(), standardErrorFromLevel: errorsFrom)
            : configuration.WriteTo.Console(new LineFormatter(), standardErrorFromLevel: errorsFrom)).CreateLogger();
    }

    /// <summary>Says something that must be seen at any level: a plain line, or an event where machines read.</summary>
    public static void Announce(KoshaOptions options, string message)
    {
        if (options.LogFormat == LogFormat.Text)
        {
            Console.Out.WriteLine(message);
            return;
        }
        using var log = Create(options, LogEventLevel.Information, standardError: false);
        log.Information("{Announcement:l}", message);
    }
}
