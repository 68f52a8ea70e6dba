using Kosha.Tests.Infrastructure;
using Kosha.Tests.Tidy;
using Xunit;

namespace Kosha.Tests.Clients;

/// <summary>A real mount through the kernel: davfs2 with its locks and conditional requests.</summary>
public sealed class DavfsTests(SharedKosha kosha)
{
    [Fact]
    public async Task Files_go_through_a_mount_and_come_back()
    {
        using var folder = new TestFolder();
        // davfs2 makes the names of its cache files longer than the file's, and Kosha gives back NFC for NFD.
        RealTree.Copy(TestSize.Pick(500, 5000), folder["source"], name => name.Length < 120 && name.IsNormalized());
        using var drive = await kosha.NewDriveAsync();
        string[] words =
        [
            Path.Combine(SourceTree.Root, "tests/clients/davfs.sh"),
            drive.UrlOf(""), drive.User.Name, drive.User.Password, folder["source"], folder.NewFolder("work"),
        ];
        var start = new ToolStart("sh", words) { Seconds = TestSize.Pick(300, 3600) };
        (await Tool.RunAsync(Tool.AsRoot(start))).MustSucceed();

        // The script has deleted one folder of two and renamed the other.
        Assert.Equal(["kept"], (await drive.ListAsync("")).Names);
        Assert.Contains("100%", (await drive.ListAsync("kept/names")).Names);
    }
}
