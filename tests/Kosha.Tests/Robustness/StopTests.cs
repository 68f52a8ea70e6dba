using System.Net.Sockets;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>Stopping and starting again loses neither a running transfer nor anything that was promised.</summary>
public sealed class StopTests
{
    [Fact]
    public async Task A_running_upload_finishes_after_the_order_to_stop()
    {
        await using var kosha = await KoshaProcess.StartNewAsync();
        var user = await kosha.NewUserAsync();
        using (var drive = kosha.Drive(user))
        {
            using var client = await RawConnection.OpenAsync(drive.Server);
            await client.SendHeadAsync(drive, "PUT", "slow", "Content-Length: 10");
            await client.SendAsync("12345");
            // The answer to another request on the same daemon shows that the first one has begun.
            (await drive.PropfindAsync("", "0")).Must(207);

            ProcessTree.Signal(kosha.Pid, ProcessTree.SigTerm);
            await Eventually.TrueAsync("nobody new is let in", () => IsClosedAsync(drive.Server));
            await client.SendAsync("67890");
            Assert.Equal(201, await client.ReadStatusAsync());
            Assert.Equal(0, await kosha.WaitForEndAsync());
        }
        await kosha.StartAsync();
        using (var drive = kosha.Drive(user))
            Assert.Equal("1234567890", (await drive.GetAsync("slow")).Must(200).Text);
        await kosha.StopAsync();
    }

    private static async Task<bool> IsClosedAsync(Uri server)
    {
        try
        {
            using var connection = await RawConnection.OpenAsync(server);
            return false;
        }
        catch (SocketException)
        {
            return true;
        }
    }

    [Fact]
    public async Task Locks_properties_and_files_survive_a_restart()
    {
        await using var kosha = await KoshaProcess.StartNewAsync();
        var user = await kosha.NewUserAsync();
        string token;
        using (var drive = kosha.Drive(user))
        {
            (await drive.PutAsync("file", "first")).Must(201);
            (await drive.ProppatchAsync("file", """
                <D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x xmlns="urn:tests">value</x></D:prop></D:set>
                </D:propertyupdate>
                """)).Must(207);
            token = await drive.LockAsync("file");
        }
        await kosha.StopAsync();
        await kosha.StartAsync();
        using (var drive = kosha.Drive(user))
        {
            var item = (await drive.PropfindAsync("file", "0",
                """<D:propfind xmlns:D="DAV:"><D:prop><x xmlns="urn:tests"/></D:prop></D:propfind>""")).Must(207);
            Assert.Equal("value", item.Multistatus.Single.Value(System.Xml.Linq.XName.Get("x", "urn:tests")));
            (await drive.PutAsync("file", "second")).Must(423);
            (await drive.PutAsync("file", "second", ("If", $"(<{token}>)"))).Must(204);
            (await drive.UnlockAsync("file", token)).Must(204);
            (await drive.PutAsync("file", "third")).Must(204);
        }
        await kosha.StopAsync();
    }

    [Fact]
    public async Task The_first_administrator_has_a_random_password_kept_in_a_private_file()
    {
        await using var kosha = await KoshaProcess.StartNewAsync(("Admin:Password", ""));
        var kept = Directory.EnumerateFiles(kosha.DataDirectory).Where(file =>
            Path.GetFileName(file).Contains("password", StringComparison.OrdinalIgnoreCase)).ToList();
        var file = Assert.Single(kept);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        var password = File.ReadAllText(file).Trim();
        Assert.Contains(password, kosha.Output);
        using (var drive = kosha.Drive(new("admin", password)))
            (await drive.PropfindAsync("", "0")).Must(207);

        await kosha.StopAsync();
        var before = kosha.Output.Length;
        await kosha.StartAsync();
        Assert.DoesNotContain(password, kosha.Output[before..]);
        await kosha.StopAsync();
    }

    [Fact]
    public async Task A_daemon_started_by_root_does_not_serve_as_root()
    {
        await using var kosha = await KoshaProcess.StartNewAsync();
        if (Environment.IsPrivilegedProcess)
        {
            Assert.NotEqual(0, ProcessTree.UserIdOf(kosha.Pid));
            Assert.NotEqual(0, ProcessTree.UserIdOf(kosha.PostmasterPid!.Value));
        }
        await kosha.StopAsync();
    }
}
