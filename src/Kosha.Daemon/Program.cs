using System.CommandLine;
using Kosha.Daemon;
using Kosha.Daemon.Cli;
using Kosha.Daemon.Configuration;
using Kosha.Storage;

// Root makes only the folders above Kosha's own, which others must be able to pass; then it becomes another user.
if (!SystemUser.IsRoot)
    _ = Native.SetUmask(Native.AllButOwner);

// Settings (--Http:Listen=…) may stand anywhere among the words of a command.
var settings = args.Where(GivenSettings.IsSetting);
var words = args.Where(argument => !GivenSettings.IsSetting(argument)).ToArray();
var environment = Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>()
    .Select(variable => KeyValuePair.Create((string)variable.Key, (string?)variable.Value ?? ""));
var options = new KoshaOptions(GivenSettings.Read(GivenSettings.DefaultFile, environment, settings));

using var signals = new StopSignals();
var commands = new CommandLine(options, args, signals).Commands();
// Signals and exceptions are for Kosha to handle.
var invocation = new InvocationConfiguration
{
    EnableDefaultExceptionHandler = false,
    ProcessTerminationTimeout = null,
};
try
{
    return await commands.Parse(words).InvokeAsync(invocation);
}
catch (OperationCanceledException) when (signals.Stopping.IsCancellationRequested)
{
    // Stopped before it was ready, or in the middle of a command.
    return 130;
}
catch (Exception e) when (e is OperatorException or StorageException)
{
    foreach (var message in e.Message.Split('\n'))
        await Console.Error.WriteLineAsync($"kosha: {message}");
    return 1;
}
catch (Exception e) when (options.LogLevel > Serilog.Events.LogEventLevel.Debug)
{
    await Console.Error.WriteLineAsync($"kosha: {e.Message} This is a fault in Kosha; --Log:Level=debug shows more.");
    return 1;
}
