using System.Diagnostics;
using System.Text.RegularExpressions;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>
/// What the kernel is asked to do before a PUT is answered: the file is synced, then renamed, then its folder is
/// synced, and the database's log is flushed, and only then goes the status out.
/// </summary>
[Collection(Alone.Name)]
public sealed class DurabilityTests
{
    private const string Calls = "fsync,fdatasync,rename,renameat,renameat2,link,linkat,write,writev,sendto,sendmsg";

    [Theory]
    [InlineData("new", 20_000, 201)]
    [InlineData("new", 2_000_000, 201)]
    [InlineData("overwritten", 20_000, 204)]
    [InlineData("overwritten", 2_000_000, 204)]
    public async Task Everything_is_on_the_disk_before_the_answer(string name, int size, int status)
    {
        await using var kosha = await KoshaProcess.StartNewAsync();
        using var drive = await kosha.NewDriveAsync();
        // The first requests also compile code, open connections and make folders.
        for (var i = 0; i < 3; i++)
            (await drive.PutAsync("overwritten", Content(size, i))).Must(201, 204);

        var file = kosha.Folder["trace"];
        var tracer = await TraceAsync(kosha, file);
        (await drive.PutAsync(name, Content(size, 99))).Must(status);
        ProcessTree.Signal(tracer.Id, ProcessTree.SigInt);
        await tracer.WaitForExitAsync();
        tracer.Dispose();

        var trace = File.ReadAllLines(file);
        var log = new StraceLog(trace);
        Check(log, status, Path.Combine(kosha.DataDirectory, "blobs"), string.Join('\n', trace));
        await kosha.StopAsync();
    }

    private static byte[] Content(int size, int seed)
    {
        var content = new byte[size];
        new Random(seed).NextBytes(content);
        return content;
    }

    private static async Task<Process> TraceAsync(KoshaProcess kosha, string file)
    {
        var pids = ProcessTree.WithDescendants(kosha.Pid).SelectMany(pid => new[] { "-p", $"{pid}" });
        string[] words = ["-f", "-y", "-s", "80", "-e", $"trace={Calls}", "-o", file, .. pids];
        var tracer = Process.Start(Tool.AsRoot(new ToolStart("strace", words)).Info())!;
        // It says so on standard error for every process that it watches.
        for (var attached = 0; attached < pids.Count() / 2;)
        {
            var line = await tracer.StandardError.ReadLineAsync();
            Assert.True(line is not null, "strace has ended.");
            attached += line.Contains("attached", StringComparison.Ordinal) ? 1 : 0;
        }
        return tracer;
    }

    private static void Check(StraceLog log, int status, string blobs, string trace)
    {
        var answer = One(log.Find($"\"HTTP/1.1 {status}", "sendto", "sendmsg", "write", "writev"), "the answer");
        var renamed = One(log.Find("blobs", "rename", "renameat", "renameat2"), "the rename");
        var (source, target) = PathsOf(renamed);
        var fileSync = One(log.Find($"<{Regex.Escape(source)}>", "fsync", "fdatasync"), "the sync of the file");
        var folder = Regex.Escape(Path.GetDirectoryName(target)!);
        var folderSync = log.Find($"<{folder}>", "fsync", "fdatasync").LastOrDefault();
        Assert.True(folderSync is not null, $"The folder {folder} is not synced:\n{trace}");
        var commit = log.Find("pg_wal", "fsync", "fdatasync").Where(call => call.Ended < answer.Began).LastOrDefault();
        Assert.True(commit is not null, $"The database's log is not flushed before the answer:\n{trace}");

        Assert.StartsWith(blobs, target, StringComparison.Ordinal);
        Assert.True(fileSync.Ended < renamed.Began, $"The file was not synced before its rename:\n{trace}");
        Assert.True(renamed.Ended < folderSync.Began, $"The folder was not synced after the rename:\n{trace}");
        Assert.True(folderSync.Ended < commit.Began, $"The row was committed before its bytes were durable:\n{trace}");

        SystemCall One(IEnumerable<SystemCall> calls, string what)
        {
            var found = calls.ToList();
            Assert.True(found.Count == 1, $"{what}: {found.Count} times instead of once:\n{trace}");
            return found[0];
        }
    }

    private static (string Source, string Target) PathsOf(SystemCall rename)
    {
        var paths = Regex.Matches(rename.Text, "\"(?<path>[^\"]+)\"", RegexOptions.None);
        return (paths[0].Groups["path"].Value, paths[1].Groups["path"].Value);
    }
}
