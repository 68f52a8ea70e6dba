using System.Net;
using Kosha.Tests.Infrastructure;
using Kosha.Tests.Storage;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>
/// The blobs lie on a disk of their own. Without it its mount point is an empty folder that anybody may write, on the
/// file system of the spool.
/// </summary>
public sealed class UnmountTests
{
    [Fact]
    public async Task A_disk_in_use_cannot_be_unmounted_and_the_next_start_misses_it()
    {
        await using var disk = await SmallDisk.MountAsync(megabytes: 12);
        await using var kosha = await KoshaProcess.StartNewAsync(("Blobs:Directory", disk.Path));
        using (var drive = kosha.AdminDrive())
            (await drive.PutAsync("file", "content")).Must(201);
        Assert.Contains("busy", (await disk.UnmountAsync()).Error);

        await kosha.StopAsync();
        (await disk.UnmountAsync()).MustSucceed();
        var refusal = await kosha.StartToFailAsync();
        Assert.NotEqual(0, refusal.ExitCode);
        Assert.Contains("is its disk mounted", refusal.All);
        Assert.NotEqual(0, (await kosha.CommandAsync("fsck", $"--Blobs:Directory={disk.Path}")).ExitCode);
        Assert.Empty(Directory.GetFileSystemEntries(disk.Path));
    }

    [Fact]
    public async Task A_disk_that_is_gone_all_the_same_is_noticed_and_nothing_is_acknowledged()
    {
        await using var disk = await SmallDisk.MountAsync(megabytes: 12);
        await using var kosha = await KoshaProcess.StartNewAsync(("Blobs:Directory", disk.Path));
        using var drive = kosha.AdminDrive();
        (await drive.PutAsync("file", "content")).Must(201);
        Assert.Equal(HttpStatusCode.OK, await ReadyAsync(kosha));

        (await disk.UnmountAsync("--lazy")).MustSucceed();
        await Eventually.TrueAsync("Kosha is not ready",
            async () => await ReadyAsync(kosha) == HttpStatusCode.ServiceUnavailable);
        foreach (var bytes in (int[])[10, 1_000_000])
        {
            var body = new byte[bytes];
            Random.Shared.NextBytes(body);
            (await drive.PutAsync("file", body)).Must(503);
        }
        Assert.Empty(Directory.GetFileSystemEntries(disk.Path));
        await kosha.StopAsync();
    }

    private static async Task<HttpStatusCode> ReadyAsync(KoshaProcess kosha)
    {
        using var client = new HttpClient();
        using var answer = await client.GetAsync(new Uri(kosha.Url, "readyz"));
        return answer.StatusCode;
    }
}
