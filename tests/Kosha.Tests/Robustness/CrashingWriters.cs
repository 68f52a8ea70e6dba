using System.Collections.Concurrent;
using System.Security.Cryptography;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>Sixteen writers that remember what was acknowledged, whatever happens to the server meanwhile.</summary>
internal sealed class CrashingWriters
{
    private const int Writers = 16;

    /// <summary>What may stand under a name: the last content acknowledged, or one tried since then.</summary>
    private sealed record Expected(string? Acknowledged, IReadOnlyList<string> Tried);

    private readonly ConcurrentDictionary<string, Expected> files = new();
    private readonly Random random;
    private int acknowledged;

    public CrashingWriters()
    {
        var seed = Random.Shared.Next();
        Figures.Show($"seed {seed}");
        random = new(seed);
    }

    public int Acknowledged => Volatile.Read(ref acknowledged);

    public int Next(int from, int to) => random.Next(from, to);

    /// <summary>Writes until <paramref name="end"/> says so, or the server is gone.</summary>
    public async Task WriteAsync(DavClient drive, Func<Task> end)
    {
        using var ended = new CancellationTokenSource();
        var writers = Enumerable.Range(0, Writers).Select(writer =>
        {
            var own = new Random(random.Next());
            return Task.Run(async () =>
            {
                while (!ended.IsCancellationRequested && await WriteOneAsync(drive, own, writer))
                {
                    // The next one.
                }
            });
        }).ToList();
        await end();
        await ended.CancelAsync();
        await Task.WhenAll(writers);
    }

    /// <summary>Ends when so many more are acknowledged.</summary>
    public Task MoreAsync(int more)
    {
        var enough = Acknowledged + more;
        return Eventually.TrueAsync($"{more} files are written", () => Acknowledged >= enough, 60);
    }

    // Every writer has names of its own, new ones and ones to overwrite; contents are shared among all, so that one
    // writer's bytes are often there already. Large ones go through a file of the spool.
    private async Task<bool> WriteOneAsync(DavClient drive, Random own, int writer)
    {
        var name = $"w{writer}-{own.Next(40)}";
        var content = new byte[own.Next(5) switch { 0 => own.Next(64), 1 => own.Next(400_000), _ => 4096 }];
        new Random(own.Next(200)).NextBytes(content);
        var hash = HashOf(content);
        var before = files.GetValueOrDefault(name, new(null, []));
        files[name] = before with { Tried = [.. before.Tried, hash] };
        try
        {
            // 503: the database is away, and whether the row came to it is not known.
            if ((await drive.PutAsync(name, content)).Must(201, 204, 503).Status == 503)
                return true;
        }
        catch (HttpRequestException)
        {
            return false;
        }
        files[name] = new(hash, []);
        Interlocked.Increment(ref acknowledged);
        return true;
    }

    public async Task VerifyAsync(DavClient drive)
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
        Figures.Show($"{files.Count} names, {Acknowledged} acknowledged writes");
    }

    private static string HashOf(byte[] content) => Convert.ToHexString(SHA256.HashData(content));
}
