using Kosha.Tests.Infrastructure;
using Kosha.Tests.WebDav;
using Xunit;

namespace Kosha.Tests.Clients;

/// <summary>KeePass and its relatives write beside the database and put the new one in its place.</summary>
public sealed class KeePassTests(Drive drive) : IClassFixture<Drive>
{
    private readonly DavClient client = drive.Client;

    private async Task<string> NewDatabaseAsync()
    {
        var path = await drive.NewFolderAsync() + "/My%20Passwords.kdbx";
        (await client.PutAsync(path, "old")).Must(201);
        return path;
    }

    [Theory]
    [InlineData("KeePass 2", true, "T")]
    [InlineData("KeePass 2", true, null)]
    [InlineData("Keepass2Android", false, "T")] // PhilippC/keepass2android#3010
    public async Task The_new_database_replaces_the_old_one(string agent, bool deletesFirst, string? overwrite)
    {
        var path = await NewDatabaseAsync();
        var app = new Replay(client, ("User-Agent", agent));
        var old = (await app.SendAsync("HEAD", path)).Must(200).Etag;
        (await app.SendAsync("DELETE", path + ".tmp")).Must(404);
        (await app.PutAsync(path + ".tmp", "new")).Must(201);
        if (deletesFirst)
            (await app.SendAsync("DELETE", path)).Must(204);
        (string, string)[] target = [("Destination", app.UrlOf(path))];
        (await app.SendAsync("MOVE", path + ".tmp", overwrite is null ? target : [.. target, ("Overwrite", overwrite)]))
            .Must(deletesFirst ? 201 : 204);
        var found = (await app.SendAsync("GET", path)).Must(200);
        Assert.Equal("new", found.Text);
        Assert.NotEqual(old, found.Etag);
        (await app.SendAsync("HEAD", path + ".tmp")).Must(404);
    }

    [Fact]
    public async Task KeeWeb_looks_whether_the_database_has_changed_meanwhile() // keeweb/keeweb#1280
    {
        var path = await NewDatabaseAsync();
        var app = new Replay(client, ("User-Agent", "KeeWeb"), ("Cache-Control", "no-cache"));
        var rev = (await app.SendAsync("HEAD", path)).Must(200).Header("Last-Modified");
        (await app.PutAsync(path + ".1700000000.tmp", "new")).Must(201);
        Assert.Equal(rev, (await app.SendAsync("HEAD", path)).Must(200).Header("Last-Modified"));
        (await app.SendAsync("MOVE", path + ".1700000000.tmp", ("Destination", app.UrlOf(path)), ("Overwrite", "T")))
            .Must(204);
        Assert.NotNull((await app.SendAsync("HEAD", path)).Must(200).Header("Last-Modified"));
        Assert.Equal("new", (await client.GetAsync(path)).Text);
    }

    [Fact]
    public async Task KeePassXC_works_on_a_mount_under_a_lock() // sigoden/dufs#133
    {
        var path = await NewDatabaseAsync();
        var app = new Replay(client, ("User-Agent", "gvfs/1.50.3"));
        var token = await app.LockAsync(path, "ada", ("Timeout", "Second-600"), ("Depth", "0"));
        (await app.PutAsync(path, "new", ("If", $"({token})"))).Must(204);
        (await app.SendAsync("UNLOCK", path, ("Lock-Token", token))).Must(204);
        Assert.Equal("new", (await client.GetAsync(path)).Text);
    }
}
