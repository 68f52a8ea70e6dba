using Kosha.Tests.Infrastructure;

namespace Kosha.Tests.Storage;

/// <summary>A file system of a few megabytes in memory, to be filled.</summary>
public sealed class SmallDisk : IAsyncDisposable
{
    private readonly TestFolder folder = new();

    public string Path => folder.Path;

    public static async Task<SmallDisk> MountAsync(int megabytes)
    {
        var disk = new SmallDisk();
        var options = $"size={megabytes}m,mode=0777";
        var mount = new ToolStart("mount", "-t", "tmpfs", "-o", options, "tmpfs", disk.Path);
        (await Tool.RunAsync(Tool.AsRoot(mount))).MustSucceed();
        return disk;
    }

    public string NewFolder(string name) => folder.NewFolder(name);

    public async ValueTask DisposeAsync()
    {
        (await Tool.RunAsync(Tool.AsRoot(new ToolStart("umount", Path)))).MustSucceed();
        folder.Dispose();
    }
}
