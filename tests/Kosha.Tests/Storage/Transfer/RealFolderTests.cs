using Kosha.Storage.Blobs;
using Kosha.Storage.Transfer;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Transfer;

/// <summary>What is copied comes from the folder that was named, whatever links somebody puts there.</summary>
public sealed class RealFolderTests : IDisposable
{
    private readonly TestFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("source/file", true)]
    [InlineData("source/below/file", true)]
    [InlineData("source/link", false)]
    [InlineData("source/linked/file", false)]
    [InlineData("source beside/file", false)]
    public void What_a_link_leads_to_is_refused(string path, bool isFine)
    {
        foreach (var name in new[] { "source/below", "source beside", "elsewhere" })
        {
            Directory.CreateDirectory(folder[name]);
            File.WriteAllText(Path.Combine(folder[name], "file"), "x");
        }
        File.WriteAllText(folder["source/file"], "x");
        File.CreateSymbolicLink(folder["source/link"], folder["elsewhere/file"]);
        Directory.CreateSymbolicLink(folder["source/linked"], folder["elsewhere"]);
        Directory.CreateSymbolicLink(folder["way"], folder["source"]);

        var top = RealFolder.PathOf(new(folder["way"]));
        using var opened = Posix.OpenToRead(folder[path]);
        if (isFine)
            RealFolder.Require(top, opened);
        else
            Assert.Throws<IOException>(() => RealFolder.Require(top, opened));
    }
}
