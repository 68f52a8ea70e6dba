using System.CommandLine;
using Kosha.Daemon.Logs;
using Serilog.Extensions.Logging;

namespace Kosha.Daemon.Cli;

/// <summary>What every command needs: the settings, the words as they were given, and the signals to stop.</summary>
internal sealed class CommandLine(KoshaOptions options, IReadOnlyList<string> arguments, StopSignals signals)
{
    public KoshaOptions Options => options;

    public StopSignals Signals => signals;

    public IReadOnlyList<string> Arguments => arguments;

    public RootCommand Commands()
    {
        var root = new RootCommand("Kosha, a network drive of your own: WebDAV over Postgres and content-addressed "
            + "blobs.\nSettings can be given to every command as --Section:Key=VALUE, such as "
            + "--Http:Listen=http://127.0.0.1:8080; 'kosha config check' shows them all.");
        var serve = new Command("serve", "Run the daemon (the default).");
        serve.SetAction((_, _) => ServeAsync());
        root.SetAction((_, _) => ServeAsync());
        root.Subcommands.Add(serve);
        root.Subcommands.Add(UserCommands.Create(this));
        root.Subcommands.Add(AppPasswordCommands.Create(this));
        root.Subcommands.Add(InviteCommands.Create(this));
        root.Subcommands.Add(PlanCommands.Create(this));
        root.Subcommands.Add(AuditCommands.Create(this));
        root.Subcommands.Add(StatsCommand.Create(this));
        root.Subcommands.Add(TransferCommands.Import(this));
        root.Subcommands.Add(TransferCommands.Export(this));
        root.Subcommands.Add(UpkeepCommands.Fsck(this));
        root.Subcommands.Add(BlobCommands.Create(this));
        root.Subcommands.Add(JobCommands.Create(this));
        root.Subcommands.Add(UpkeepCommands.Migrate(this));
        root.Subcommands.Add(ConfigCommands.Create(this));
        return root;
    }

    /// <summary>Runs a command on the installation, whether the daemon runs or not.</summary>
    /// <param name="what">The command in words, for others who find the data folder in use.</param>
    /// <param name="work">Returns the exit code.</param>
    public async Task<int> RunAsync(string what, Func<Installation, CancellationToken, Task<int>> work)
    {
        await PrepareAsync();
        using var log = ConsoleLog.ForCommand(options);
        using var loggers = new SerilogLoggerFactory(log);
        await using var installation = await Installation.OpenAsync(
            options, new(what, Serves: false), loggers.CreateLogger("Kosha"), signals.Stopping);
        return await work(installation, signals.Stopping);
    }

    /// <summary>The same with input, which is read before anything is opened that others wait for.</summary>
    public async Task<int> RunAsync<T>(
        string what, Func<T> readInput, Func<Installation, T, CancellationToken, Task> work)
    {
        // Not before root has become another user: that begins the program anew.
        await PrepareAsync();
        var input = readInput();
        return await RunAsync(what, (installation, ct) => work(installation, input, ct));
    }

    /// <inheritdoc cref="RunAsync(string, Func{Installation, CancellationToken, Task{int}})"/>
    public Task<int> RunAsync(string what, Func<Installation, CancellationToken, Task> work) =>
        RunAsync(what, async (installation, ct) =>
        {
            await work(installation, ct);
            return 0;
        });

    private async Task<int> ServeAsync()
    {
        await PrepareAsync();
        return await Serve.RunAsync(options, signals);
    }

    private async Task PrepareAsync()
    {
        if (options.Problems.Count > 0)
            throw new OperatorException(options.Problems);
        await SystemUser.DropRootAsync(options, arguments, signals.Stopping);
    }
}
