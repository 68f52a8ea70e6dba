using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>A lock stands in the database: it outlives its daemon, holds on every other, and ends on time.</summary>
public sealed class LockLifeTests(SharedPostgres postgres)
{
    private static readonly string Discovery =
        "<D:propfind xmlns:D=\"DAV:\"><D:prop><D:lockdiscovery/><D:getetag/></D:prop></D:propfind>";

    [Fact]
    public async Task A_lock_outlives_a_restart_holds_on_a_second_daemon_and_ends_on_time()
    {
        var connectionString = await (await postgres.Durable).NewEmptyDatabaseAsync();
        var database = ("Database:ConnectionString", connectionString);
        await using var first = await KoshaProcess.StartNewAsync(database);
        await using var second = await KoshaProcess.StartNewAsync(
            database, ("Blobs:Directory", Path.Combine(first.DataDirectory, "blobs")),
            ("Security:MasterKeyFile", Path.Combine(first.DataDirectory, "master-key")));
        var user = await first.NewUserAsync();
        string token;
        using (var drive = first.Drive(user))
        {
            (await drive.PutAsync("file", "old")).Must(201);
            token = await drive.LockAsync("file", "0");
        }
        await MustHoldAsync(second, user, token);
        await first.StopAsync();
        await first.StartAsync();
        await MustHoldAsync(first, user, token);
        await first.KillAsync();
        await first.StartAsync();
        await MustHoldAsync(first, user, token);

        // Shorter than any client may ask for.
        await Sql.ExecuteAsync(
            connectionString, "update locks set expires_at = clock_timestamp() + interval '2 seconds'");
        using var one = first.Drive(user);
        using var other = second.Drive(user);
        (await other.PutAsync("file", "too early")).Must(423);
        await Eventually.TrueAsync("the lock ends", async () => await LocksAsync(other) == "");
        Assert.Equal("", await LocksAsync(one));
        (await other.PutAsync("file", "free")).Must(204);
        (await one.UnlockAsync("file", token)).Must(409);
        await second.StopAsync();
        await first.StopAsync();
    }

    private static async Task MustHoldAsync(KoshaProcess kosha, TestUser user, string token)
    {
        using var drive = kosha.Drive(user);
        Assert.Contains(token, await LocksAsync(drive), StringComparison.Ordinal);
        (await drive.PutAsync("file", "without the token")).Must(423);
        (await drive.PutAsync("file", "with the token", ("If", $"(<{token}>)"))).Must(204);
    }

    private static async Task<string> LocksAsync(DavClient drive) =>
        (await drive.PropfindAsync("file", "0", Discovery)).Must(207).Multistatus.Single.Value("lockdiscovery")!;
}
