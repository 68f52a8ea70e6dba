using System.Net;
using System.Net.Sockets;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>A start that cannot succeed says so once and clearly, and leaves nothing half-made.</summary>
public sealed class StartTests
{
    [Fact]
    public async Task All_bad_settings_are_reported_together_and_nothing_is_made()
    {
        await using var kosha = new KoshaProcess(
            ("Http:Listen", "nonsense"), ("Http:Lisen", "http://127.0.0.1:1"), ("Spool:MaxBytes", "much"),
            ("Admin:Password", "short"));
        var result = await kosha.StartToFailAsync();
        Refused(result, "Http:Listen", "Http:Lisen", "Spool:MaxBytes", "Admin:Password");
        Assert.False(Directory.Exists(kosha.DataDirectory));
    }

    [Fact]
    public async Task Plain_http_on_the_network_is_refused()
    {
        await using var kosha = new KoshaProcess(("Http:Listen", "http://0.0.0.0:0"));
        Refused(await kosha.StartToFailAsync(), "Http:Listen", "Http:AllowInsecure");
    }

    [Fact]
    public async Task A_busy_port_is_named_and_the_next_start_works()
    {
        using var other = new TcpListener(IPAddress.Parse("127.0.0.2"), 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;
        await using var kosha = new KoshaProcess(("Http:Listen", $"http://127.0.0.2:{port}"));
        Refused(await kosha.StartToFailAsync(), $"{port}");
        other.Stop();
        await kosha.StartAsync();
        Assert.Equal(port, kosha.Url.Port);
        await kosha.StopAsync();
    }

    [Fact]
    public async Task A_read_only_data_folder_is_named()
    {
        using var folder = new TestFolder();
        var place = folder.NewFolder("ro");
        (await Tool.RunAsync(Tool.AsRoot(new("mount", "-t", "tmpfs", "-o", "ro", "tmpfs", place)))).MustSucceed();
        try
        {
            await using var kosha = new KoshaProcess(("DataDirectory", Path.Combine(place, "data")));
            Refused(await kosha.StartToFailAsync(), Path.Combine(place, "data"));
        }
        finally
        {
            (await Tool.RunAsync(Tool.AsRoot(new("umount", place)))).MustSucceed();
        }
    }

    [Fact]
    public async Task A_blob_folder_that_root_has_put_back_is_Kosha_s_again()
    {
        using var folder = new TestFolder();
        await using var kosha = await KoshaProcess.StartNewAsync(("Blobs:Directory", folder["blobs"]));
        using (var drive = kosha.AdminDrive())
            (await drive.PutAsync("file", "content")).Must(201);
        await kosha.StopAsync();
        if (Environment.IsPrivilegedProcess)
            (await Tool.RunAsync("chown", "--recursive", "root:root", folder["blobs"])).MustSucceed();
        await kosha.StartAsync();
        using (var drive = kosha.AdminDrive())
            Assert.Equal("content", (await drive.GetAsync("file")).Must(200).Text);
        await kosha.StopAsync();
    }

    [Fact]
    public async Task A_missing_Postgres_names_the_package_to_install()
    {
        await using var kosha = new KoshaProcess { WithoutPostgres = true };
        Refused(await kosha.StartToFailAsync(), "postgresql");
        Assert.False(File.Exists(Path.Combine(kosha.DataDirectory, "postgres", "PG_VERSION")));
    }

    [Fact]
    public async Task An_unreachable_database_is_named_without_its_password()
    {
        await using var kosha = new KoshaProcess(
            ("Database:ConnectionString", "Host=127.0.0.1;Port=1;Username=u;Password=verysecret;Database=d"));
        var result = await kosha.StartToFailAsync();
        Refused(result, "127.0.0.1");
        Assert.DoesNotContain("verysecret", result.All);
    }

    [Fact]
    public async Task A_second_daemon_on_the_same_folder_refuses_and_the_first_goes_on()
    {
        await using var first = await KoshaProcess.StartNewAsync();
        await using var second = new KoshaProcess(("DataDirectory", first.DataDirectory));
        Refused(await second.StartToFailAsync(), first.DataDirectory);
        using var drive = first.AdminDrive();
        (await drive.PutAsync("still", "here")).Must(201);
        await first.StopAsync();
    }

    [Fact]
    public async Task Another_master_key_is_refused_and_none_is_made_in_place_of_one_that_is_lost()
    {
        await using var kosha = await KoshaProcess.StartNewAsync();
        await kosha.StopAsync();
        var file = Path.Combine(kosha.DataDirectory, "master-key");
        var kept = await File.ReadAllTextAsync(file);
        await File.WriteAllTextAsync(file, Convert.ToBase64String(new byte[32]));
        var other = await kosha.StartToFailAsync();
        Assert.Contains($"{file} is not the master key of this database", other.All, StringComparison.Ordinal);
        File.Move(file, file + ".away");
        var missing = await kosha.StartToFailAsync();
        Assert.Contains($"there is no file {file}", missing.All, StringComparison.Ordinal);
        Assert.False(File.Exists(file));
        File.Move(file + ".away", file);
        await File.WriteAllTextAsync(file, kept);
        await kosha.StartAsync();
        await kosha.StopAsync();
        // Lost for good.
        File.Delete(file);
        (await kosha.CommandAsync("config", "forget-master-key")).MustSucceed();
        await kosha.StartAsync();
        Assert.NotEqual(kept, await File.ReadAllTextAsync(file));
        await kosha.StopAsync();
    }

    [Fact]
    public async Task Config_check_says_what_serve_would_say()
    {
        await using var kosha = new KoshaProcess();
        (await kosha.CommandAsync("config", "check")).MustSucceed();
        var result = await kosha.CommandAsync("config", "check", "--Http:Listen=nonsense");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("Http:Listen: 'nonsense'", result.All);
    }

    // One message: no stack trace, no repetition, little more than a line a problem.
    private static void Refused(ToolResult result, params string[] words)
    {
        Assert.True(result.ExitCode is > 0 and < 128, $"exit {result.ExitCode}:\n{result.All}");
        Assert.DoesNotContain("   at ", result.All);
        Assert.DoesNotContain("Unhandled", result.All);
        foreach (var word in words)
            Assert.Contains(word, result.All);
        Assert.InRange(result.All.Trim().Split('\n').Length, 1, words.Length + 4);
    }
}
