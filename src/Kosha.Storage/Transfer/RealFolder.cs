using Kosha.Storage.Blobs;
using Microsoft.Win32.SafeHandles;

namespace Kosha.Storage.Transfer;

/// <summary>
/// Where a folder of this machine really is. Whoever may write in it may put a link there at any moment, and what is
/// copied must not come from elsewhere, nor go there.
/// </summary>
internal static class RealFolder
{
    public static string PathOf(DirectoryInfo folder)
    {
        using var handle = Posix.OpenFolder(folder.FullName);
        return Posix.PathOf(handle);
    }

    /// <exception cref="IOException">What is open does not lie below the folder.</exception>
    public static void Require(string folder, SafeFileHandle opened)
    {
        if (!Posix.PathOf(opened).StartsWith(folder.TrimEnd('/') + "/", StringComparison.Ordinal))
            throw new IOException("a link leads elsewhere.");
    }
}
