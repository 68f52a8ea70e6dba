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
        using var drive = await kosha.NewDriveAsync();
        await WorkAsync(drive, drive.User.Password, TestSize.Pick(60, 1000));
    }

    [Fact]
    public async Task The_same_over_TLS_with_HTTP_2()
    {
        await using var secure = await KoshaProcess.StartNewAsync(
            ("Http:Listen", "https://127.0.0.2:0"), ("Http:SelfSigned", "true"));
        using var drive = secure.AdminDrive();
        // The first question is whether to trust the certificate.
        await WorkAsync(drive, "1\n" + drive.User.Password, files: 30);
        await secure.StopAsync();
    }

    private static async Task WorkAsync(DavClient drive, string answers, int files)
    {
        using var folder = new TestFolder();
        var source = folder["source"];
        RealTree.Copy(files, source);
        await WriteListsAsync(source, folder);
        (await drive.MkcolAsync("held")).Must(201);
        await drive.LockAsync("held/open.odt");

        // http becomes dav, https davs.
        var url = drive.UrlOf("").Replace("http", "dav", StringComparison.Ordinal)
            .Replace("://", $"://{drive.User.Name}@", StringComparison.Ordinal);
        string[] words =
            ["--", "sh", Path.Combine(SourceTree.Root, "tests/clients/gvfs.sh"), url, answers, folder.Path];
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

        Assert.Equal(["deep", "held"], (await drive.ListAsync("")).Names);
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
