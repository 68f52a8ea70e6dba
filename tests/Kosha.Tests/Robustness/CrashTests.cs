using System.Collections.Concurrent;
using System.Security.Cryptography;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>kill -9 in the middle of 16 writers, again and again, with Postgres as durable as it ships.</summary>
[Collection(Alone.Name)]
public sealed class CrashTests
{
    private const int Writers = 16;

    /// <summary>What may stand under a name: the last content acknowledged, or one tried since then.</summary>
    private sealed record Expected(string? Acknowledged, IReadOnlyList<string> Tried);

    [Fact]
    public async Task Every_acknowledged_file_is_whole_after_kill_9()
    {
        var seed = Random.Shared.Next();
        Figures.Show($"seed {seed}");
        var random = new Random(seed);
        var files = new ConcurrentDictionary<string, Expected>();
        await using var kosha = await KoshaProcess.StartNewAsync();
        var user = await kosha.NewUserAsync();
        var acknowledged = 0;
        for (var round = 1; round <= TestSize.Pick(15, 100); round++)
        {
            using (var drive = kosha.Drive(user))
                acknowledged += await WriteUntilKilledAsync(kosha, drive, files, random);
            await kosha.StartAsync();
            using (var drive = kosha.Drive(user))
                await VerifyAsync(drive, files);
            (await kosha.CommandAsync("fsck")).MustSucceed();
        }
        Figures.Show($"{files.Count} names, {acknowledged} acknowledged writes");
        Assert.True(acknowledged > 20, "Hardly anything was written.");
        await kosha.StopAsync();
    }

    private static async Task<int> WriteUntilKilledAsync(
        KoshaProcess kosha, DavClient drive, ConcurrentDictionary<string, Expected> files, Random random)
    {
        using var killed = new CancellationTokenSource();
        var acknowledged = 0;
        var writers = Enumerable.Range(0, Writers).Select(writer =>
        {
            var own = new Random(random.Next());
            return Task.Run(async () =>
            {
                while (!killed.IsCancellationRequested && await WriteOneAsync(drive, files, own, writer))
                    Interlocked.Increment(ref acknowledged);
            });
        }).ToList();
        var enough = random.Next(20, 200);
        await Eventually.TrueAsync($"{enough} files are written", () => Volatile.Read(ref acknowledged) >= enough, 60);
        await kosha.KillAsync();
        await killed.CancelAsync();
        await Task.WhenAll(writers);
        return acknowledged;
    }

    // Every writer has names of its own, new ones and ones to overwrite; contents are shared among all, so that one
    // writer's bytes are often there already.
    private static async Task<bool> WriteOneAsync(
        DavClient drive, ConcurrentDictionary<string, Expected> files, Random random, int writer)
    {
        var name = $"w{writer}-{random.Next(40)}";
        var content = new byte[random.Next(5) switch { 0 => random.Next(64), 1 => random.Next(400_000), _ => 4096 }];
        new Random(random.Next(200)).NextBytes(content);
        var hash = HashOf(content);
        var before = files.GetValueOrDefault(name, new(null, []));
        files[name] = before with { Tried = [.. before.Tried, hash] };
        try
        {
            (await drive.PutAsync(name, content)).Must(201, 204);
        }
        catch (HttpRequestException)
        {
            return false;
        }
        files[name] = new(hash, []);
        return true;
    }

    private static async Task VerifyAsync(DavClient drive, ConcurrentDictionary<string, Expected> files)
    {
        foreach (var (name, expected) in files)
        {
            var answer = await drive.GetAsync(name);
            var found = answer.Status == 200 ? HashOf(answer.Body) : null;
            Assert.True(answer.Status is 200 or 404, $"{name}: {answer.Status}");
            Assert.True(found == expected.Acknowledged || (found is not null && expected.Tried.Contains(found)),
                $"{name}: {answer.Body.Length} bytes, {found ?? "missing"}, that nobody wrote last");
            files[name] = new(found, []);
        }
    }

    private static string HashOf(byte[] content) => Convert.ToHexString(SHA256.HashData(content));

    [Fact]
    public async Task A_killed_postgres_comes_back_by_itself()
    {
        await using var kosha = await KoshaProcess.StartNewAsync();
        using var drive = await kosha.NewDriveAsync();
        (await drive.PutAsync("before", "1")).Must(201);
        ProcessTree.Signal(kosha.PostmasterPid!.Value, ProcessTree.SigKill);
        await Eventually.TrueAsync("a write succeeds again",
            async () => (await drive.PutAsync("after", "2")).Status is 201 or 204, 60);
        Assert.Equal("1", (await drive.GetAsync("before")).Must(200).Text);
        await kosha.StopAsync();
    }
}
