using Xunit;

namespace Kosha.Tests.Infrastructure;

/// <summary>Contents of files, and what must never become of them.</summary>
public static class TestContent
{
    /// <summary>Above what Kosha keeps in memory, and more than one piece of an answer.</summary>
    public const int UsualSize = 400_000;

    /// <summary>The same bytes for the same seed.</summary>
    public static byte[] Bytes(int seed, int size = UsualSize)
    {
        var bytes = new byte[size];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>Reads a file whose bytes cannot be had: the answer breaks off, and never looks whole.</summary>
    public static async Task NeverWholeAsync(this DavClient drive, string path)
    {
        var broken = await Record.ExceptionAsync(() => drive.GetAsync(path));
        Assert.True(broken is HttpRequestException or IOException, broken?.ToString() ?? "It came whole.");
    }
}
