using System.IO.Compression;
using System.IO.Pipelines;
using Kosha.Daemon.Zip;
using Kosha.Storage;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Daemon;

/// <summary>The form of zip files, where no file of a test's tree would bring it about.</summary>
public sealed class ZipWriterTests
{
    private static readonly DateTime Time = new(2026, 11, 22, 18, 30, 1, DateTimeKind.Utc);

    [Fact]
    public void The_checksum_is_that_of_zip()
    {
        Assert.Equal(0xCBF43926u, Crc32.Append(0, "123456789"u8));
        var bytes = TestContent.Bytes(1, 1000);
        for (var cut = 0; cut < 20; cut++)
            Assert.Equal(
                Crc32.Append(0, bytes), Crc32.Append(Crc32.Append(0, bytes.AsSpan(0, cut)), bytes.AsSpan(cut)));
    }

    [Theory]
    [InlineData("a\\b", true, "a_b")]
    [InlineData("..", false, "_")]
    [InlineData("C:", true, "C_")]
    [InlineData("C:", false, "C:")]
    [InlineData("a:b", true, "a_b")]
    [InlineData("ab:c", true, "ab:c")]
    public void No_name_leads_out(string name, bool isTop, string expected) =>
        Assert.Equal(expected, ZipContent.SafeName(name, isTop));

    [Theory]
    [InlineData("image/jpeg", true)]
    [InlineData("image/svg+xml", false)]
    [InlineData("video/mp4; codecs=x", true)]
    [InlineData("application/vnd.openxmlformats-officedocument.wordprocessingml.document", true)]
    [InlineData("text/plain", false)]
    [InlineData("application/octet-stream", false)]
    [InlineData("nonsense", false)]
    public void What_is_compressed_already_is_stored(string type, bool isStored) => Assert.Equal(
        isStored ? 0 : 2, ZipContent.LevelOf(type));

    private static async Task WriteAsync(string file, Func<ZipWriter, Task> work)
    {
        await using var target = File.Create(file);
        var pipe = PipeWriter.Create(target);
        await using var output = new ZipOutput(pipe);
        var zip = new ZipWriter(output);
        await work(zip);
        await zip.FinishAsync(CancellationToken.None);
        await pipe.CompleteAsync();
    }

    [Fact]
    public async Task More_entries_than_the_old_form_counts()
    {
        using var folder = new TestFolder();
        var file = folder["many.zip"];
        const int Count = 70_000;
        await WriteAsync(file, async zip =>
        {
            for (var i = 0; i < Count; i++)
                await zip.AddFileAsync($"f{i}", Time, 0, 2, Stream.Null, default);
        });
        await using var archive = await ZipFile.OpenReadAsync(file);
        Assert.Equal(Count, archive.Entries.Count);
        (await Tool.RunAsync("unzip", "-tqq", file)).MustSucceed();
        (await Tool.RunAsync("python3", "-m", "zipfile", "-t", file)).MustSucceed();
    }

    [Fact]
    public async Task Sizes_and_offsets_beyond_four_gigabytes()
    {
        using var folder = new TestFolder();
        var file = folder["large.zip"];
        // Above this size the entry has the larger form; at soak the next one is beyond it, too.
        var large = TestSize.Pick(1_000_000, 4_400_000_000);
        await WriteAsync(file, async zip =>
        {
            await zip.AddFolderAsync("d/", Time, default);
            await zip.AddFileAsync("d/large", Time, large, 0, new PatternStream(large, 1),
                default);
            await zip.AddFileAsync("d/small.txt", Time, 5, 2,
                new MemoryStream("small"u8.ToArray()), default);
        });
        (await Tool.RunAsync(new ToolStart("unzip", "-tqq", file) { Seconds = 600 })).MustSucceed();
        (await Tool.RunAsync(new ToolStart("python3", "-m", "zipfile", "-t", file) { Seconds = 600 })).MustSucceed();
        Assert.Equal("small", (await Tool.RunAsync("unzip", "-p", file, "d/small.txt")).MustSucceed().Output);
        await using var archive = await ZipFile.OpenReadAsync(file);
        Assert.Equal([0, large, 5], archive.Entries.Select(entry => entry.Length));
    }

    [Fact]
    public async Task Content_that_ends_early_and_paths_that_are_too_long_are_refused()
    {
        using var folder = new TestFolder();
        await Assert.ThrowsAsync<EndOfStreamException>(() => WriteAsync(folder["short.zip"], zip =>
            zip.AddFileAsync("f", Time, 5, 2, new MemoryStream([1]), default)));
        await Assert.ThrowsAsync<StorageException>(() => WriteAsync(folder["long.zip"], zip =>
            zip.AddFolderAsync(new string('x', 70_000) + "/", Time, default)));
        await Assert.ThrowsAsync<StorageException>(() => WriteAsync(folder["many.zip"], async zip =>
        {
            for (var i = 0; i < 300; i++)
                await zip.AddFolderAsync($"{i}{new string('x', 60_000)}/", Time, default);
        }));
        Assert.Throws<InvalidDataException>(() => ZipFile.OpenRead(folder["short.zip"]).Dispose());
    }
}
