using System.Collections.Concurrent;
using System.Security.Cryptography;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>
/// Sixteen writers that remember what the server acknowledged, while something below them is killed: what counts
/// afterwards is that nothing acknowledged is lost and nothing torn is found.
/// </summary>
internal sealed class CrashWriters(Random random)
{
    private const int Writers = 16;

    private readonly ConcurrentDictionary<string, Expected> files = new();
    private int acknowledged;

    /// <summary>What may stand under a name: the last content acknowledged, or one tried since then.</summary>
    private sealed record Expected(string? Acknowledged, IReadOnlyList<string> Tried);

    /// <summary>Writes acknowledged so far.</summary>
    public int Acknowledged => Volatile.Read(ref acknowledged);

    /// <summary>Writes until the work is over and every writer has had its answer.</summary>
    public async Task WriteDuringAsync(DavClient drive, Func<Task> work)
    {
        using var over = new CancellationTokenSource();
        var writers = Enumerable.Range(0, Writers).Select(writer =>
        {
            var own = new Random(random.Next());
            return Task.Run(async () =>
            {
                while (!over.IsCancellationRequested && await WriteOneAsync(drive, own, writer))
                {
                }
            });
        }).ToList();
        await work();
        await over.CancelAsync();
        await Task.WhenAll(writers);
    }

    public int Next(int from, int to) => random.Next(from, to);

    /// <summary>Waits until a random number of writes is acknowledged.</summary>
    public Task SomeAsync() => MoreAsync(Next(20, 200));

    /// <summary>Waits for so many more acknowledged writes.</summary>
    public Task MoreAsync(int count)
    {
        var enough = Acknowledged + count;
        return Eventually.TrueAsync($"{count} more files are written", () => Acknowledged >= enough, 90);
    }

    // Every writer has names of its own, new ones and ones to overwrite; contents are shared among all, so that one
    // writer's bytes are often there already. False: the server is gone.
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
            var answer = (await drive.PutAsync(name, content)).Must(201, 204, 503);
            if (answer.Status == 503)
            {
                Assert.NotNull(answer.Header("Retry-After"));
                return true;
            }
        }
        catch (HttpRequestException)
        {
            return false;
        }
        files[name] = new(hash, []);
        Interlocked.Increment(ref acknowledged);
        return true;
    }

    /// <summary>Reads every name: it has the content last acknowledged, or one that was tried after it.</summary>
    public async Task VerifyAsync(DavClient drive)
    {
        await Parallel.ForEachAsync(files, new ParallelOptions { MaxDegreeOfParallelism = Writers }, async (file, _) =>
        {
            var (name, expected) = file;
            var answer = await drive.GetAsync(name);
            var found = answer.Status == 200 ? HashOf(answer.Body) : null;
            Assert.True(answer.Status is 200 or 404, $"{name}: {answer.Status}");
            Assert.True(found == expected.Acknowledged || (found is not null && expected.Tried.Contains(found)),
                $"{name}: {answer.Body.Length} bytes, {found ?? "missing"}, that nobody wrote last");
            files[name] = new(found, []);
        });
        Figures.Show($"{files.Count} names, {Acknowledged} acknowledged writes");
    }

    private static string HashOf(byte[] content) => Convert.ToHexString(SHA256.HashData(content));
}
