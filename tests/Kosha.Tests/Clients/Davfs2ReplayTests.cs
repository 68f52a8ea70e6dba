using Kosha.Tests.Infrastructure;
using Kosha.Tests.WebDav;
using Xunit;

namespace Kosha.Tests.Clients;

/// <summary>The conditional requests of davfs2, with and without its locks; the real one runs in DavfsTests.</summary>
public sealed class Davfs2ReplayTests(Drive drive) : IClassFixture<Drive>
{
    private readonly DavClient client = drive.Client;

    private Replay Davfs { get; } =
        new(drive.Client, ("User-Agent", "davfs2/1.6.1 neon/0.32.5"), ("Connection", "TE"), ("TE", "trailers"));

    [Fact]
    public async Task A_new_file_is_created_once()
    {
        var path = await drive.NewFolderAsync() + "/file";
        var made = (await Davfs.PutAsync(path, "one", ("If-None-Match", "*"))).Must(201);
        (await Davfs.PutAsync(path, "two", ("If-None-Match", "*"))).Must(412);
        // What the answer lacks would cost one more HEAD for each file.
        var head = (await Davfs.SendAsync("HEAD", path)).Must(200);
        Assert.Equal((head.Etag, head.Header("Last-Modified")), (made.Etag, made.Header("Last-Modified")));
    }

    [Fact]
    public async Task A_changed_file_is_written_only_over_what_was_read()
    {
        var path = await drive.NewFolderAsync() + "/file";
        var read = (await Davfs.PutAsync(path, "one")).Must(201).Etag;
        Assert.Matches("^\"[^\"]+\"$", read);
        (await Davfs.SendAsync("GET", path, ("If-None-Match", read))).Must(304);
        var written = (await Davfs.PutAsync(path, "two", ("If-Match", read))).Must(204).Etag;
        // The copy goes to lost+found and never over what somebody else wrote.
        (await Davfs.PutAsync(path, "lost", ("If-Match", read))).Must(412);
        (await Davfs.SendAsync("DELETE", path, ("If-Match", read))).Must(412);
        (await Davfs.SendAsync("DELETE", path, ("If-Match", written))).Must(204);
    }

    [Fact]
    public async Task An_open_file_is_locked_before_it_is_there()
    {
        var path = await drive.NewFolderAsync() + "/file";
        var token = await Davfs.LockAsync(path, "davfs2", ("Depth", "0"), ("Timeout", "Second-1800"));
        var held = ("If", $"<{client.UrlOf(path)}> ({token})");
        Assert.Equal("0", (await Davfs.SendAsync("HEAD", path)).Must(200).Header("Content-Length"));
        var written = (await Davfs.PutAsync(path, "content", held)).Must(204);
        Assert.NotNull(written.Header("Last-Modified"));
        (await Davfs.SendAsync("LOCK", path, held, ("Timeout", "Second-1800"))).Must(200);
        (await Davfs.PutAsync(path, "more", held, ("If-Match", written.Etag))).Must(204);
        (await Davfs.SendAsync("UNLOCK", path, ("Lock-Token", token))).Must(204);
        Assert.Equal("more", (await client.GetAsync(path)).Text);
    }

    [Fact]
    public async Task What_does_not_fit_is_507_which_a_mount_calls_no_space_left()
    {
        using var connection = await RawConnection.OpenAsync(client.Server);
        await connection.SendHeadAsync(client, "PUT", await drive.NewFolderAsync() + "/file",
            "Content-Length: 11811160064", "Expect: 100-continue");
        Assert.Equal(507, await connection.ReadStatusAsync());
    }
}
