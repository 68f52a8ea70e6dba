namespace Kosha.Tests.Infrastructure;

/// <summary>
/// A folder of its own for one test, gone when the test is over. Others may enter it: a daemon started by root gives up
/// root's rights.
/// </summary>
public sealed class TestFolder : IDisposable
{
    private const UnixFileMode Open = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    public TestFolder()
    {
        // Short, because a Unix socket's path may have 107 bytes.
        Path = Directory.CreateTempSubdirectory("kt").FullName;
        File.SetUnixFileMode(Path, Open);
    }

    public string Path { get; }

    /// <summary>The path of <paramref name="name"/> in this folder; nothing is made.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>A new folder below this one.</summary>
    public string NewFolder(string name)
    {
        var path = this[name];
        Directory.CreateDirectory(path);
        File.SetUnixFileMode(path, Open);
        return path;
    }

    public void Dispose()
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                Directory.Delete(Path, recursive: true);
                return;
            }
            catch (DirectoryNotFoundException)
            {
                return;
            }
            catch (IOException) when (attempt < 5)
            {
                // A process that is just ending made one more file.
            }
        }
    }
}
