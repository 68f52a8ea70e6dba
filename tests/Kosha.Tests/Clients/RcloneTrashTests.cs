using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Clients;

/// <summary>
/// After any failed PUT rclone waits a second and deletes the target: a failed overwrite would cost the old file, if
/// DELETE were the end of it.
/// </summary>
public sealed class RcloneTrashTests(SharedPostgres postgres)
{
    private const string SqlRestore = """
        update file_nodes set parent_id = original_parent_id, original_parent_id = null, trashed_at = null
        where trashed_at is not null and not is_folder
        """;

    [Fact]
    public async Task A_failed_overwrite_and_its_DELETE_leave_the_old_file_in_the_trash()
    {
        var connectionString = await (await postgres.Durable).NewEmptyDatabaseAsync();
        await using var kosha = await KoshaProcess.StartNewAsync(("Database:ConnectionString", connectionString));
        using var drive = await kosha.NewDriveAsync();
        (await drive.MkcolAsync("sync")).Must(201);
        string[] names = ["checksum", "broken", "full"];
        foreach (var name in names)
            (await drive.PutAsync($"sync/{name}", "the old content of " + name)).Must(201);

        (await drive.PutAsync("sync/checksum", "new", ("OC-Checksum", "MD5:00000000000000000000000000000000")))
            .Must(400);
        using (var connection = await RawConnection.OpenAsync(drive.Server))
        {
            await connection.SendHeadAsync(drive, "PUT", "sync/broken", "Content-Length: 1000000");
            await connection.SendAsync(new byte[400_000]);
            await Eventually.TrueAsync("the body is being received",
                () => Directory.EnumerateFiles(Path.Combine(kosha.DataDirectory, "spool")).Any());
            connection.Reset();
        }
        using (var connection = await RawConnection.OpenAsync(drive.Server))
        {
            await connection.SendHeadAsync(drive, "PUT", "sync/full", "Content-Length: 99999999999");
            Assert.Equal(507, await connection.ReadStatusAsync());
        }
        foreach (var name in names)
            (await drive.DeleteAsync($"sync/{name}")).Must(204);
        Assert.Empty((await drive.ListAsync("sync")).Names);

        await Sql.ExecuteAsync(connectionString, SqlRestore);
        foreach (var name in names)
            Assert.Equal("the old content of " + name, (await drive.GetAsync($"sync/{name}")).Must(200).Text);
        (await kosha.CommandAsync("fsck")).MustSucceed();
        await kosha.StopAsync();
    }
}
