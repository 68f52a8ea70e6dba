using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace Kosha.Tests.Infrastructure;

/// <summary>
/// The real program on a data folder of its own, listening on a free port of 127.0.0.2. Every way to end it leaves the
/// folder, so that <see cref="StartAsync()"/> can be called again; <see cref="DisposeAsync"/> removes it.
/// </summary>
public sealed partial class KoshaProcess : IAsyncDisposable
{
    public const string AdminPassword = "a password of tests";
    private const string ReadyPrefix = "Kosha is ready at ";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(90);

    private readonly TestFolder folder = new();
    private readonly Dictionary<string, string> settings;
    private readonly ConcurrentQueue<string> output = new();
    private Process? process;
    private Uri? url;

    public KoshaProcess(params IReadOnlyList<(string Key, string Value)> settings)
    {
        this.settings = new()
        {
            ["DataDirectory"] = folder["data"],
            ["Http:Listen"] = "http://127.0.0.2:0",
            ["Admin:Password"] = AdminPassword,
        };
        foreach (var (key, value) in settings)
            this.settings[key] = value;
        AppDomain.CurrentDomain.ProcessExit += EndWithTests;
    }

    /// <summary>A running instance.</summary>
    public static async Task<KoshaProcess> StartNewAsync(params IReadOnlyList<(string Key, string Value)> settings)
    {
        var kosha = new KoshaProcess(settings);
        try
        {
            await kosha.StartAsync();
            return kosha;
        }
        catch
        {
            await kosha.DisposeAsync();
            throw;
        }
    }

    /// <summary>Hides every Postgres program of this machine from the daemon.</summary>
    public bool WithoutPostgres { get; init; }

    /// <summary>
    /// "STEP N": whatever is started from now on kills itself when it comes to a step of storage for the n-th time.
    /// </summary>
    public string? CrashAt { get; set; }

    /// <summary>Ends in '/'.</summary>
    public Uri Url => url ?? throw new InvalidOperationException("Kosha does not run.");

    public string DataDirectory => settings["DataDirectory"];

    /// <summary>A folder beside the data folder, for what a test needs.</summary>
    public TestFolder Folder => folder;

    /// <summary>Everything the program has printed, over all its starts.</summary>
    public string Output => string.Join('\n', output);

    /// <summary>The process that serves: the last in a chain of processes that run the program.</summary>
    public int Pid => ProcessTree.WithDescendants(process!.Id)
        .Last(pid => ProcessTree.CommandLine(pid).Contains("kosha.dll", StringComparison.Ordinal));

    /// <summary>The Postgres that Kosha started; null if there is none.</summary>
    public int? PostmasterPid => ProcessTree.WithDescendants(process!.Id)
        .Where(pid => ProcessTree.Name(pid) == "postgres").Select(pid => (int?)pid).FirstOrDefault();

    /// <summary>Starts and waits until it serves.</summary>
    public async Task StartAsync()
    {
        var ready = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var started = Launch(line => ready.TrySetResult(line));
        process = started;
        var ended = started.WaitForExitAsync();
        Task either = Task.WhenAny(ready.Task, ended);
        await either.WaitAsync(StartLimit).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!ready.Task.IsCompleted)
        {
            var state = ended.IsCompleted ? $"it ended with {started.ExitCode}" : $"not within {StartLimit}";
            Assert.Fail($"Kosha did not become ready, {state}:\n{Output}");
        }
        url = new Uri((await ready.Task).TrimEnd('/', '.') + "/");
    }

    /// <summary>Starts, expecting that it refuses, and waits for its end.</summary>
    public async Task<ToolResult> StartToFailAsync()
    {
        var before = output.Count;
        using var started = Launch(_ => { });
        using var limit = new CancellationTokenSource(StartLimit);
        try
        {
            await started.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            started.Kill(entireProcessTree: true);
            Assert.Fail($"Kosha was to refuse, but it runs on:\n{Output}");
        }
        return new("kosha serve", started.ExitCode, string.Join('\n', output.Skip(before)), "");
    }

    private Process Launch(Action<string> onReady)
    {
        var start = Start("serve", [.. settings.Select(pair => $"--{pair.Key}={pair.Value}")]);
        if (WithoutPostgres)
            start = HidePostgres(start);
        var started = new Process { StartInfo = start.Info() };
        started.OutputDataReceived += (_, e) => Take(e.Data, onReady);
        started.ErrorDataReceived += (_, e) => Take(e.Data, onReady);
        started.Start();
        started.BeginOutputReadLine();
        started.BeginErrorReadLine();
        started.StandardInput.Close();
        return started;
    }

    private void Take(string? line, Action<string> onReady)
    {
        if (line is null)
            return;
        output.Enqueue(line);
        var at = line.IndexOf(ReadyPrefix, StringComparison.Ordinal);
        if (at >= 0)
            onReady(line[(at + ReadyPrefix.Length)..].Split(' ', ';', ',')[0]);
    }

    /// <summary>SIGTERM; the program must end by itself with exit code 0, its Postgres too.</summary>
    public async Task StopAsync()
    {
        var postmaster = PostmasterPid;
        ProcessTree.Signal(Pid, ProcessTree.SigTerm);
        Assert.Equal(0, await WaitForEndAsync());
        Assert.False(postmaster is { } pid && ProcessTree.Exists(pid), "Postgres runs on after Kosha's end.");
    }

    /// <summary>kill -9 of the daemon, and the wait until its Postgres is gone too.</summary>
    public async Task KillAsync()
    {
        var postmaster = PostmasterPid;
        ProcessTree.Signal(Pid, ProcessTree.SigKill);
        await WaitForEndAsync();
        if (postmaster is { } pid)
            await Eventually.TrueAsync("Postgres follows its killed daemon", () => !ProcessTree.Exists(pid));
    }

    /// <summary>The exit code of a daemon that is ending.</summary>
    public async Task<int> WaitForEndAsync()
    {
        using var limit = new CancellationTokenSource(StopLimit);
        try
        {
            await process!.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"Kosha did not end within {StopLimit.TotalSeconds} s:\n{Output}");
        }
        var code = process.ExitCode;
        process.Dispose();
        process = null;
        url = null;
        return code;
    }

    public async ValueTask DisposeAsync()
    {
        AppDomain.CurrentDomain.ProcessExit -= EndWithTests;
        var tree = KillAll();
        await Eventually.TrueAsync("every process is gone", () => !tree.Any(ProcessTree.Exists));
        process?.Dispose();
        folder.Dispose();
    }

    private IReadOnlyList<int> KillAll()
    {
        if (process is not { HasExited: false })
            return [];
        var tree = ProcessTree.WithDescendants(process.Id);
        foreach (var pid in tree)
            ProcessTree.Signal(pid, ProcessTree.SigKill);
        return tree;
    }

    // Tests that are interrupted dispose of nothing.
    private void EndWithTests(object? sender, EventArgs e)
    {
        KillAll();
        folder.Dispose();
    }

    /// <summary>One of Kosha's commands on this data folder, whether the daemon runs or not.</summary>
    public Task<ToolResult> CommandAsync(params string[] words) => CommandAsync(input: null, words);

    /// <inheritdoc cref="CommandAsync(string[])"/>
    public Task<ToolResult> CommandAsync(string? input, string[] words) =>
        Tool.RunAsync(Start(words[0], words[1..]) with { Input = input, Seconds = 600 });

    /// <summary>A new user; the name is unique in the instance.</summary>
    public async Task<TestUser> NewUserAsync(string plan = "default")
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"u{Guid.NewGuid():N}")[..12];
        const string Password = "another password of tests";
        (await CommandAsync(Password + "\n", ["user", "add", name, "--password-stdin", "--plan", plan])).MustSucceed();
        return new(name, Password);
    }

    /// <summary>The files of a new user.</summary>
    public async Task<DavClient> NewDriveAsync() => Drive(await NewUserAsync());

    public DavClient Drive(TestUser user) => new(Url, user);

    public DavClient AdminDrive() => Drive(new("admin", AdminPassword));
}

/// <summary>Who signs in.</summary>
public sealed record TestUser(string Name, string Password);
