using System.Text;
using Kosha.Tests.Infrastructure;
using Kosha.Tests.Tidy;
using Xunit;

namespace Kosha.Tests.Clients;

/// <summary>The WebDAV of GNOME Files: gvfs with its daemon, on a D-Bus session of its own.</summary>
public sealed class GvfsTests(SharedKosha kosha)
{
    [Fact]
    public async Task Files_go_in_are_saved_renamed_and_come_back()
    {
        using var folder = new TestFolder();
        var source = folder["source"];
        RealTree.Copy(TestSize.Pick(60, 1000), source);
        using var drive = await kosha.NewDriveAsync();
        await WriteListsAsync(source, folder);

        var url = drive.UrlOf("").Replace("http://", $"dav://{drive.User.Name}@", StringComparison.Ordinal);
        string[] words =
        [
            "--", "sh", Path.Combine(SourceTree.Root, "tests/clients/gvfs.sh"), url, drive.User.Password, folder.Path,
        ];
        var start = new ToolStart("dbus-run-session", words)
        {
            Seconds = TestSize.Pick(300, 3600),
            Environment = new Dictionary<string, string?>
            {
                ["HOME"] = folder.NewFolder("home"),
                ["XDG_RUNTIME_DIR"] = folder.NewFolder("run"),
                ["GIO_USE_VOLUME_MONITOR"] = "unix",
                ["GVFS_DISABLE_FUSE"] = "1",
            },
        };
        (await Tool.RunAsync(start)).MustSucceed();

        Assert.Equal(["deep"], (await drive.ListAsync("")).Names);
        var names = RealTree.DifficultNames.Append("folder #1 100%").Select(name => name.Normalize());
        Assert.Equal(
            names.Order(StringComparer.Ordinal),
            (await drive.ListAsync("deep/kept/names")).Names.Order(StringComparer.Ordinal));
    }

    private static async Task WriteListsAsync(string source, TestFolder work)
    {
        string UrlPath(string path) =>
            string.Join('/', Path.GetRelativePath(source, path).Split('/').Select(DavClient.Encode));

        var folders = Directory.GetDirectories(source, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal);
        await WriteAsync(work["folders"], folders.Select(UrlPath));
        var files = Directory.GetFiles(source, "*", SearchOption.AllDirectories);
        await WriteAsync(work["files"], files.Select(file => $"{UrlPath(file)}\t{file}"));
    }

    private static Task WriteAsync(string file, IEnumerable<string> lines) =>
        File.WriteAllTextAsync(file, string.Concat(lines.Select(line => line + "\n")), new UTF8Encoding(false));
}
