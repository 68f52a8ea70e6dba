using System.Security.Cryptography;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Clients;

/// <summary>cadaver, the command line client of neon's authors, told what to do as people tell it.</summary>
public sealed class CadaverTests(SharedKosha kosha)
{
    private static async Task<string> RunAsync(DavClient drive, TestFolder folder, params string[] commands)
    {
        var user = drive.User;
        var login = $"machine {drive.Server.Host} login {user.Name} password \"{user.Password}\"\n";
        await File.WriteAllTextAsync(Path.Combine(folder.NewFolder("home"), ".netrc"), login);
        var result = await Tool.RunAsync(new ToolStart("cadaver", drive.UrlOf(""))
        {
            Folder = folder.Path,
            Input = string.Join('\n', [.. commands, "quit", ""]),
            Environment = new Dictionary<string, string?> { ["HOME"] = folder["home"] },
        });
        return result.MustSucceed().All;
    }

    [Fact]
    public async Task Everything_that_it_can_do_succeeds()
    {
        using var folder = new TestFolder();
        using var drive = await kosha.NewDriveAsync();
        var content = RandomNumberGenerator.GetBytes(2 << 20);
        await File.WriteAllBytesAsync(folder["big"], content);
        await File.WriteAllTextAsync(folder["small"], "hello");

        var output = await RunAsync(drive, folder,
            "mkcol docs", "cd docs", "put small x.txt", "put big \"a b+&#%.bin\"", "get \"a b+&#%.bin\" back",
            "propset x.txt colour red", "propget x.txt colour", "lock x.txt", "discover x.txt", "put small x.txt",
            "unlock x.txt", "copy x.txt y.txt", "move y.txt z.txt", "lock \"a b+&#%.bin\"",
            "put small \"a b+&#%.bin\"", "unlock \"a b+&#%.bin\"", "cd ..", "move docs moved", "copy moved again",
            "rmcol moved", "ls again");

        Assert.DoesNotContain("failed", output);
        Assert.DoesNotContain("Could not", output);
        Assert.Contains("Value of colour is: red", output);
        Assert.Contains("Scope: exclusive  Type: write  Timeout: 3600 seconds", output);
        Assert.Equal(content, await File.ReadAllBytesAsync(folder["back"]));
        Assert.Equal(["again"], (await drive.ListAsync("")).Names);
        Assert.Equal(["a b+&#%.bin", "x.txt", "z.txt"], (await drive.ListAsync("again")).Names);
        Assert.Equal("hello", (await drive.GetAsync("again/a%20b+&%23%25.bin")).Text);
    }

    [Fact]
    public async Task A_member_that_somebody_else_has_locked_keeps_its_folder_in_place()
    {
        using var folder = new TestFolder();
        using var drive = await kosha.NewDriveAsync();
        (await drive.MkcolAsync("docs")).Must(201);
        (await drive.PutAsync("docs/open.odt", "x")).Must(201);
        await drive.LockAsync("docs/open.odt", "0");

        var output = await RunAsync(drive, folder, "rmcol docs", "move docs moved", "delete docs/open.odt");
        Assert.Contains("Deleting collection `docs': failed:", output);
        Assert.Contains("Moving `/dav/docs' to `/dav/moved':  failed:", output);
        Assert.Equal(3, output.Split("423 Locked").Length - 1);
        Assert.Equal(["open.odt"], (await drive.ListAsync("docs")).Names);
    }
}
