using System.Security.Cryptography;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>Files far larger than the memory that a transfer may take.</summary>
[Collection(Alone.Name)]
public sealed class BigFileTests
{
    private const long MaxMemoryKilobytes = 200_000;

    [Fact]
    public async Task A_gibibyte_goes_up_and_down_in_little_memory()
    {
        var size = TestSize.Pick(1L << 30, 8L << 30);
        await using var kosha = await KoshaProcess.StartNewAsync();
        using var drive = await kosha.NewDriveAsync();
        var expected = await SHA256.HashDataAsync(new PatternStream(size, seed: 1));

        var body = new StreamContent(new PatternStream(size, seed: 1), 1 << 20);
        (await Figures.TimeAsync($"PUT of {size >> 20} MiB", () => drive.SendAsync("PUT", "big", body))).Must(201);
        using (var answer = await drive.SendForStreamAsync("GET", "big", null))
        {
            Assert.Equal(size, answer.Content.Headers.ContentLength);
            var stream = await answer.Content.ReadAsStreamAsync();
            var hash = await Figures.TimeAsync("GET, hashed", () => SHA256.HashDataAsync(stream).AsTask());
            Assert.Equal(expected, hash);
        }
        await ReadRangeAsync(drive, size - 1000, 1000);
        Assert.InRange(Figures.HighestMemory(kosha.Pid), 1, MaxMemoryKilobytes);
        await kosha.StopAsync();
    }

    private static async Task ReadRangeAsync(DavClient drive, long offset, int count)
    {
        var answer = (await drive.GetAsync("big", ("Range", $"bytes={offset}-"))).Must(206);
        var all = new PatternStream(offset + count, seed: 1);
        await ReadPastAsync(all, offset);
        var expected = new byte[count];
        await all.ReadExactlyAsync(expected);
        Assert.Equal(expected, answer.Body);
    }

    private static async Task ReadPastAsync(Stream stream, long count)
    {
        var buffer = new byte[1 << 20];
        while (count > 0)
            count -= await stream.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, count)));
    }
}
