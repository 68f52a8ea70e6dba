using System.Text;
using Kosha.Tests.Clients;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Daemon;

/// <summary>Plain files in and out by the command line, beside a daemon that runs.</summary>
public sealed class TransferTests(SharedKosha shared) : IDisposable
{
    private static readonly int Files = TestSize.Pick(ci: 300, soak: 5000);

    private readonly TestFolder folder = new();

    public void Dispose() => folder.Dispose();

    private async Task<ToolResult> RunAsync(params string[] words) =>
        await (await shared.Instance).CommandAsync(words);

    private async Task<string> SucceedAsync(params string[] words) => (await RunAsync(words)).MustSucceed().Output;

    /// <summary>A folder that the system user writes into, if there is one.</summary>
    private string Writable(string name)
    {
        var path = folder.NewFolder(name);
        File.SetUnixFileMode(path, (UnixFileMode)0b111_111_111);
        return path;
    }

    [Fact]
    public async Task A_tree_comes_in_and_goes_out_identical_and_only_once()
    {
        var (source, target) = (folder.NewFolder("source"), Writable("target"));
        RealTree.Copy(Files, source);
        var empty = Directory.CreateDirectory(Path.Combine(source, "an empty folder"));
        empty.LastWriteTimeUtc = new(2003, 4, 5, 6, 7, 8, DateTimeKind.Utc);
        using var drive = await shared.NewDriveAsync();
        var expected = RealTree.Describe(source);

        string[] import = ["import", source, "--user", drive.User.Name, "--into", "/a/new place"];
        string[] export = ["export", target, "--user", drive.User.Name, "--from", "a/new place"];
        foreach (var words in new[] { import, export })
        {
            Assert.Contains($"{expected.Count:N0} files brought over, 0 were there already, 0 left out.",
                await SucceedAsync(words), StringComparison.Ordinal);
            Assert.Contains($"0 files brought over, {expected.Count:N0} were there already, 0 left out.",
                await SucceedAsync(words), StringComparison.Ordinal);
        }
        Assert.Equal(expected, RealTree.Describe(target));
        Assert.Equal(empty.LastWriteTimeUtc, Directory.GetLastWriteTimeUtc(Path.Combine(target, empty.Name)));
        var (before, after) = (Contents(source), Contents(target));
        Assert.All(before, file => Assert.Equal(file.Value, after[file.Key]));
    }

    /// <summary>By the path in NFC.</summary>
    private static Dictionary<string, byte[]> Contents(string folder) =>
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).ToDictionary(
            file => Path.GetRelativePath(folder, file).Normalize(NormalizationForm.FormC), File.ReadAllBytes);

    [Fact]
    public async Task What_cannot_come_along_is_told_and_the_rest_comes()
    {
        var source = folder.NewFolder("source");
        File.WriteAllText(Path.Combine(source, "plain"), "text");
        File.WriteAllText(Path.Combine(source, "differs"), "of the disk");
        File.WriteAllText(Path.Combine(source, "back\\slash"), "no name");
        File.CreateSymbolicLink(Path.Combine(source, "link"), "/etc/passwd");
        File.CreateSymbolicLink(Path.Combine(source, "link to a folder"), "/etc");
        (await Tool.RunAsync("mkfifo", Path.Combine(source, "pipe"))).MustSucceed();
        using var drive = await shared.NewDriveAsync();
        (await drive.PutAsync("differs", "of the drive")).Must(201);

        var import = await RunAsync("import", source, "--user", drive.User.Name);
        Assert.Equal(1, import.ExitCode);
        Assert.Contains("1 files brought over, 0 were there already, 5 left out.", import.Output,
            StringComparison.Ordinal);
        foreach (var name in new[] { "differs", "back\\slash", "link", "link to a folder", "pipe" })
            Assert.Contains($"{Path.Combine(source, name)}: ", import.Error, StringComparison.Ordinal);
        Assert.Equal("text", (await drive.GetAsync("plain")).Must(200).Text);
        Assert.Equal("of the drive", (await drive.GetAsync("differs")).Must(200).Text);

        import = await RunAsync("import", source, "--user", drive.User.Name, "--replace");
        Assert.Equal("of the disk", (await drive.GetAsync("differs")).Must(200).Text);
    }

    [Fact]
    public async Task An_export_writes_over_nothing_and_through_no_link()
    {
        using var drive = await shared.NewDriveAsync();
        (await drive.MkcolAsync("folder")).Must(201);
        foreach (var path in new[] { "file", "linked", "folder/below" })
            (await drive.PutAsync(path, "of the drive")).Must(201);
        var (target, outside) = (Writable("target"), Writable("outside"));
        File.WriteAllText(Path.Combine(target, "file"), "of the disk");
        File.WriteAllText(Path.Combine(outside, "linked"), "outside");
        File.CreateSymbolicLink(Path.Combine(target, "linked"), Path.Combine(outside, "linked"));
        Directory.CreateSymbolicLink(Path.Combine(target, "folder"), outside);

        var export = await RunAsync("export", target, "--user", drive.User.Name);
        Assert.Equal(1, export.ExitCode);
        Assert.Equal("of the disk", File.ReadAllText(Path.Combine(target, "file")));
        export = await RunAsync("export", target, "--user", drive.User.Name, "--replace");
        Assert.Equal(1, export.ExitCode);
        Assert.Equal("of the drive", File.ReadAllText(Path.Combine(target, "file")));
        Assert.Equal("of the drive", File.ReadAllText(Path.Combine(target, "linked")));
        Assert.Equal(["linked"], Directory.EnumerateFileSystemEntries(outside).Select(Path.GetFileName));
        Assert.Equal("outside", File.ReadAllText(Path.Combine(outside, "linked")));
    }

    [Fact]
    public async Task Nonsense_is_refused_before_anything_is_done()
    {
        using var drive = await shared.NewDriveAsync();
        (await drive.PutAsync("file", "x")).Must(201);
        foreach (var (words, why) in new (string[], string)[]
        {
            (["import", folder["nowhere"], "--user", drive.User.Name], "nowhere"),
            (["import", folder.Path, "--user", "nobody at all"], "There is no user"),
            (["import", folder.Path, "--user", drive.User.Name, "--into", "file/below"], "is a file"),
            (["import", folder.Path, "--user", drive.User.Name, "--into", "../up"], "may not be empty"),
            (["export", folder["out"], "--user", drive.User.Name, "--from", "nothing"], "There is nothing at"),
            (["export", folder["out"], "--user", drive.User.Name, "--from", "file"], "is a file"),
        })
        {
            var refused = await RunAsync(words);
            Assert.Equal(1, refused.ExitCode);
            Assert.Contains(why, refused.Error, StringComparison.Ordinal);
        }
        Assert.False(Directory.Exists(folder["out"]));
    }
}
