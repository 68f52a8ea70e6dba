using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>Deletions of accounts that are killed in the middle.</summary>
public sealed class DeletionCrashTests(SharedPostgres postgres)
{
    [Fact]
    public async Task A_deletion_that_is_killed_again_and_again_comes_to_its_end()
    {
        var connectionString = await (await postgres.Durable).NewEmptyDatabaseAsync();
        await using var kosha = await KoshaProcess.StartNewAsync(
            ("Database:ConnectionString", connectionString), ("Jobs:delete-accounts:Enabled", "false"),
            ("Jobs:purge:Enabled", "false"), ("Jobs:upload-expiry:Enabled", "false"));
        var user = await kosha.NewUserAsync();
        using var drive = kosha.Drive(user);
        for (var folder = 0; folder < 3; folder++)
        {
            (await drive.MkcolAsync($"f{folder}")).Must(201);
            (await drive.MkcolAsync($"f{folder}/below")).Must(201);
            (await drive.PutAsync($"f{folder}/below/file", $"content {folder}")).Must(201);
        }
        (await drive.DeleteAsync("f0")).Must(204);
        (await kosha.CommandAsync("user", "delete", user.Name, "--yes")).MustSucceed();
        async Task<long> NodesAsync() => (long)(await Sql.ExecuteAsync(connectionString, $"""
            select count(*) from file_nodes n join users u on u.id = n.user_id where u.username = '{user.Name}'
            """))!;
        var left = await NodesAsync();
        foreach (var step in new[] { 1, 2, 3 })
        {
            kosha.CrashAt = $"purge.stepped {step}";
            (await kosha.CommandAsync("job", "run", "delete-accounts")).MustFail();
            // As if the time had passed after which a dead holder is followed.
            await Sql.ExecuteAsync(connectionString, """
                update job_runs set beat_at = now() - interval '5 minutes' where outcome = 'running';
                update leases set expires_at = now()
                """);
            Assert.InRange(await NodesAsync(), 2, left);
            left = await NodesAsync();
            (await kosha.CommandAsync("fsck")).MustSucceed();
        }
        kosha.CrashAt = null;
        (await kosha.CommandAsync("job", "run", "delete-accounts")).MustSucceed();
        Assert.Equal(0, await NodesAsync());
        (await kosha.CommandAsync("fsck")).MustSucceed();
        (await kosha.CommandAsync("another password\n", ["user", "add", user.Name, "--password-stdin"]))
            .MustSucceed();
    }
}
