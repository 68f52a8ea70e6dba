using System.Security.Cryptography;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>Completions that the daemon does not survive, or its store does not hear of.</summary>
public sealed class UploadCrashTests(SharedPostgres postgres, TestS3 s3)
{
    [Fact]
    public async Task A_completion_that_was_killed_is_taken_up_and_gives_one_file()
    {
        var connectionString = await (await postgres.Durable).NewEmptyDatabaseAsync();
        await using var kosha = new KoshaProcess(("Database:ConnectionString", connectionString));
        var steps = TestSize.Pick(
            ci: ["upload.verified", "vault.stored", "vault.named"],
            soak: (string[])["upload.verified", "vault.claimed", "vault.stored", "vault.naming", "vault.named"]);
        (long Id, string Name, byte[] Content)? killed = null;
        foreach (var step in steps)
        {
            // What was killed before goes through each step once.
            kosha.CrashAt = $"{step} {(killed is null ? 1 : 2)}";
            await kosha.StartAsync();
            if (killed is { } last)
                await FinishAsync(kosha, connectionString, last.Id, last.Name, last.Content);
            killed = await BeKilledAsync(kosha, step);
        }
        kosha.CrashAt = null;
        await kosha.StartAsync();
        await FinishAsync(kosha, connectionString, killed!.Value.Id, killed.Value.Name, killed.Value.Content);
        (await kosha.CommandAsync("fsck")).MustSucceed();
    }

    private static async Task<(long, string, byte[])> BeKilledAsync(KoshaProcess kosha, string step)
    {
        var content = RandomNumberGenerator.GetBytes(300_000);
        using var drive = kosha.AdminDrive();
        using var api = new ApiClient(drive);
        var begun = (await api.BeginAsync(step, content)).Must(201);
        Assert.Equal(200, await api.PutAsync(begun.Body!, content));
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => api.CompleteAsync(begun.Id));
        Assert.NotEqual(0, await kosha.WaitForEndAsync());
        return (begun.Id, step, content);
    }

    private static async Task FinishAsync(
        KoshaProcess kosha, string connectionString, long id, string name, byte[] content)
    {
        using var drive = kosha.AdminDrive();
        using var api = new ApiClient(drive);
        if (name != "vault.named")
        {
            (await api.CompleteAsync(id)).Must(202);
            // As if the time had passed after which a dead verifier is followed.
            await Sql.ExecuteAsync(connectionString, $"update uploads set verifier_until = now() where id = {id}");
        }
        (await api.CompleteAsync(id)).Must(200);
        Assert.Equal(content, (await drive.GetAsync(name)).Must(200).Body);
    }

    [Fact]
    public async Task A_completion_while_the_store_is_away_is_503_and_can_be_asked_for_again()
    {
        var options = await s3.NewStoreAsync();
        using var faulty = new FaultyS3(options.Endpoint!);
        await using var kosha = await KoshaProcess.StartNewAsync([
            .. TestS3.Settings(options), ("Blobs:S3:Endpoint", faulty.Url.AbsoluteUri),
            ("Blobs:S3:PublicEndpoint", options.Endpoint!.AbsoluteUri),
            ("PublicUrl", "http://files.example.org"),
            ("Blobs:S3:TimeoutSeconds", "2"), ("Blobs:S3:MaxRetries", "1"),
        ]);
        using var drive = kosha.AdminDrive();
        using var api = new ApiClient(drive);
        var content = RandomNumberGenerator.GetBytes(300_000);
        var begun = (await api.BeginAsync("file", content)).Must(201);
        Assert.Equal(200, await api.PutAsync(begun.Body!, content));
        foreach (var fault in new[] { S3Fault.Refused, S3Fault.Stall })
        {
            faulty.Break(fault);
            var refused = (await api.CompleteAsync(begun.Id)).MustBe("unavailable", 503);
            Assert.NotNull(refused.Headers.RetryAfter);
            Assert.Equal("open", (await api.GetAsync(begun.Id)).State);
            faulty.Heal();
        }
        (await drive.GetAsync("file")).Must(404);
        (await api.CompleteAsync(begun.Id)).Must(200);
        Assert.Equal(content, (await drive.GetAsync("file")).Must(200).Body);
        (await kosha.CommandAsync("fsck")).MustSucceed();
    }
}
