using Kosha.Tests.Infrastructure;

namespace Kosha.Tests.Storage;

/// <summary>A file system of a few megabytes in memory, to be filled.</summary>
public sealed class SmallDisk : IAsyncDisposable
{
    private readonly TestFolder folder = new();
    private bool isMounted = true;

    public string Path => folder.Path;

    public static async Task<SmallDisk> MountAsync(int megabytes)
    {
        var disk = new SmallDisk();
        // Without the disk, too, the folder takes whatever anybody writes.
        File.SetUnixFileMode(disk.Path, (UnixFileMode)0b111_111_111);
        var options = $"size={megabytes}m,mode=0777";
        var mount = new ToolStart("mount", "-t", "tmpfs", "-o", options, "tmpfs", disk.Path);
        (await Tool.RunAsync(Tool.AsRoot(mount))).MustSucceed();
        return disk;
    }

    public string NewFolder(string name) => folder.NewFolder(name);

    /// <summary>What was on it is lost.</summary>
    public async Task<ToolResult> UnmountAsync(params string[] options)
    {
        var result = await Tool.RunAsync(Tool.AsRoot(new ToolStart("umount", [.. options, Path])));
        isMounted &= result.ExitCode != 0;
        return result;
    }

    public async ValueTask DisposeAsync()
    {
        if (isMounted)
            (await UnmountAsync()).MustSucceed();
        folder.Dispose();
    }
}
