using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Clients;

/// <summary>rclone sync, vendor owncloud: what was synced comes back whole, and nothing is sent twice.</summary>
public sealed class RcloneTests(SharedKosha shared, TestS3 s3)
{
    [Theory]
    [InlineData(TestStore.Disk, 3000)]
    [InlineData(TestStore.InS3, 500)]
    public async Task A_real_tree_goes_up_and_comes_back_identical(string kind, int files)
    {
        await using var kosha = await KoshaProcess.StartNewAsync((await s3.NewStoreAsync(kind)).Settings);
        using var folder = new TestFolder();
        var (source, back) = (folder["source"], folder["back"]);
        RealTree.Copy(TestSize.Pick(files, 30000), source);
        using var drive = await kosha.NewDriveAsync();
        var rclone = await Rclone.ForAsync(drive);

        var count = RealTree.Describe(source).Count;
        var first = await Figures.TimeAsync($"rclone sync of {count} files up, {kind}",
            () => rclone.RunAsync("sync", source, Rclone.Remote("tree")));
        Assert.Equal(count, first.Copied.Count);

        var second = await Figures.TimeAsync("again, nothing changed",
            () => rclone.RunAsync("sync", source, Rclone.Remote("tree")));
        Assert.Empty(second.Copied);
        Assert.Empty(second.Retimed);

        await rclone.RunAsync("check", "--checksum", source, Rclone.Remote("tree"));
        await Figures.TimeAsync("down", () => rclone.RunAsync("sync", Rclone.Remote("tree"), back));
        Assert.Equal(RealTree.Describe(source), RealTree.Describe(back));
        await rclone.RunAsync("check", "--checksum", source, back);
        (await kosha.CommandAsync("fsck")).MustSucceed();
    }

    [Fact]
    public async Task A_changed_byte_and_a_changed_time_are_each_seen()
    {
        using var folder = new TestFolder();
        var source = folder["source"];
        RealTree.AddDifficultNames(source);
        using var drive = await shared.NewDriveAsync();
        var rclone = await Rclone.ForAsync(drive);
        await rclone.RunAsync("sync", source, Rclone.Remote("small"));

        // Same size and same time: only the checksum tells.
        var file = Path.Combine(source, "100%");
        var time = File.GetLastWriteTimeUtc(file);
        File.WriteAllText(file, "99 %");
        File.SetLastWriteTimeUtc(file, time);
        Assert.Equal(new FileInfo(file).Length, RealTree.Describe(source).Single(f => f.Path == "100%").Size);
        Assert.Equal(["100%"], (await rclone.RunAsync("sync", "--checksum", source, Rclone.Remote("small"))).Copied);

        File.SetLastWriteTimeUtc(Path.Combine(source, "readme"), new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc));
        var retimed = await rclone.RunAsync("sync", source, Rclone.Remote("small"));
        // Older versions send the file again, newer ones set the time alone.
        Assert.Equal(["readme"], [.. retimed.Copied, .. retimed.Retimed]);
        var answer = (await drive.HeadAsync("small/readme")).Must(200);
        Assert.Equal("Sat, 03 Feb 2001 04:05:06 GMT", answer.Header("Last-Modified"));
    }

    [Fact]
    public async Task Files_move_copy_and_vanish_as_in_the_source()
    {
        using var folder = new TestFolder();
        var source = folder["source"];
        RealTree.AddDifficultNames(source);
        using var drive = await shared.NewDriveAsync();
        var rclone = await Rclone.ForAsync(drive);
        await rclone.RunAsync("sync", source, Rclone.Remote("first"));

        await rclone.RunAsync("sync", Rclone.Remote("first"), Rclone.Remote("second"));
        await rclone.RunAsync("moveto", Rclone.Remote("second"), Rclone.Remote("third"));
        await rclone.RunAsync("check", "--checksum", source, Rclone.Remote("third"));

        foreach (var file in Directory.GetFiles(source).Take(10))
            File.Delete(file);
        await rclone.RunAsync("sync", source, Rclone.Remote("third"));
        await rclone.RunAsync("sync", Rclone.Remote("third"), folder["back"]);
        Assert.Equal(RealTree.Describe(source), RealTree.Describe(folder["back"]));
        await rclone.RunAsync("purge", Rclone.Remote("first"));
        Assert.Equal(404, (await drive.PropfindAsync("first", "0")).Status);
    }
}
