using System.Diagnostics;
using Xunit;

namespace Kosha.Tests.Infrastructure;

/// <summary>What an outside program said.</summary>
public sealed record ToolResult(string Command, int ExitCode, string Output, string Error)
{
    public string All => Output + Error;

    public ToolResult MustSucceed()
    {
        Assert.True(ExitCode == 0, $"'{Command}' ended with {ExitCode}:\n{All}");
        return this;
    }

    public ToolResult MustFail()
    {
        Assert.True(ExitCode != 0, $"'{Command}' went through:\n{All}");
        return this;
    }
}

/// <summary>Runs outside programs: real clients, and Kosha's own command line.</summary>
public static class Tool
{
    public static Task<ToolResult> RunAsync(string program, params string[] arguments) =>
        RunAsync(new ToolStart(program, arguments));

    /// <summary>The same with root's rights: as it is if these tests run as root, else through sudo.</summary>
    public static ToolStart AsRoot(ToolStart start) => Environment.IsPrivilegedProcess
        ? start : start with { Program = "sudo", Arguments = ["-n", "--", start.Program, .. start.Arguments] };

    public static async Task<ToolResult> RunAsync(ToolStart start)
    {
        using var process = Process.Start(start.Info())!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (start.Input is not null)
            await process.StandardInput.WriteAsync(start.Input);
        process.StandardInput.Close();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(start.Seconds));
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"'{start.Command}' ran over {start.Seconds} s:\n{await output}{await error}");
        }
        return new(start.Command, process.ExitCode, await output, await error);
    }
}

/// <summary>How to run a program, given by its path or by a name that PATH knows.</summary>
public sealed record ToolStart(string Program, params IReadOnlyList<string> Arguments)
{
    public string? Input { get; init; }

    public string? Folder { get; init; }

    public int Seconds { get; init; } = 120;

    /// <summary>Set beside the inherited variables; null removes one.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = new Dictionary<string, string?>();

    public string Command => $"{Program} {string.Join(' ', Arguments)}";

    public ProcessStartInfo Info()
    {
        var info = new ProcessStartInfo(Program, Arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Folder ?? "",
        };
        foreach (var (name, value) in Environment)
            info.Environment[name] = value;
        return info;
    }
}
