using System.ComponentModel;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Kosha.Storage.Blobs;

/// <summary>
/// What durability needs and .NET lacks: fsync of a folder, and a rename that never becomes a copy. What fails is an
/// <see cref="IOException"/>.
/// </summary>
public static partial class Posix
{
    // O_RDONLY | O_CLOEXEC. Not O_DIRECTORY too: its value differs between processors.
    private const int OpenReadOnly = 0x80000;
    private const int NonBlocking = 0x800; // O_NONBLOCK
    private const int KeepSize = 1; // FALLOC_FL_KEEP_SIZE
    private const int NotPermitted = 1; // EPERM
    private const int CrossDevice = 18; // EXDEV
    private const int FileTooBig = 27; // EFBIG
    private const int NoSpaceLeft = 28; // ENOSPC
    private const int TooManyLinks = 31; // EMLINK
    private const int NotSupported = 95; // EOPNOTSUPP, ENOTSUP
    private const int NoSuchCall = 38; // ENOSYS
    private const int QuotaOfDisk = 122; // EDQUOT

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(SafeFileHandle handle);

    [LibraryImport("libc", EntryPoint = "rename", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Rename(string from, string to);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int LinkCall(string from, string to);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int Fallocate(SafeFileHandle handle, int mode, long offset, long length);

    /// <summary>Takes space for a file without changing its length, where the file system can.</summary>
    public static void Allocate(SafeFileHandle file, long bytes)
    {
        if (bytes > 0 && Fallocate(file, KeepSize, 0, bytes) != 0
            && Marshal.GetLastPInvokeError() is NoSpaceLeft or QuotaOfDisk or FileTooBig)
            throw Failure($"{bytes} bytes cannot be allocated");
    }

    /// <summary>Opens a file to read it. What is a pipe opens at once, too, and cannot seek.</summary>
    public static SafeFileHandle OpenToRead(string path)
    {
        var handle = new SafeFileHandle(Open(path, OpenReadOnly | NonBlocking), ownsHandle: true);
        return handle.IsInvalid ? throw Failure($"{path} cannot be opened") : handle;
    }

    /// <summary>Where what is open really is, whatever links led there.</summary>
    public static string PathOf(SafeFileHandle handle) => File.ResolveLinkTarget(
        string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{handle.DangerousGetHandle()}"),
        returnFinalTarget: false)!.FullName;

    /// <summary>Opens a folder. While it is open, its file system cannot be unmounted.</summary>
    public static SafeFileHandle OpenFolder(string path)
    {
        var handle = new SafeFileHandle(Open(path, OpenReadOnly), ownsHandle: true);
        return handle.IsInvalid ? throw Failure($"The folder {path} cannot be opened") : handle;
    }

    /// <summary>Makes the entries of a folder durable.</summary>
    public static void SyncFolder(string path)
    {
        using var handle = OpenFolder(path);
        if (Fsync(handle) != 0)
            throw Failure($"The folder {path} cannot be synced");
    }

    /// <summary>Renames over whatever stands there. False if the two lie on different file systems.</summary>
    public static bool TryRename(string from, string to)
    {
        if (Rename(from, to) == 0)
            return true;
        return Marshal.GetLastPInvokeError() == CrossDevice
            ? false
            : throw Failure($"{from} cannot be renamed to {to}");
    }

    /// <summary>Gives a file a second name. False if the file system has none, no more, or is another one.</summary>
    public static bool TryLink(string from, string to)
    {
        if (LinkCall(from, to) == 0)
            return true;
        return Marshal.GetLastPInvokeError()
            is NotPermitted or CrossDevice or TooManyLinks or NotSupported or NoSuchCall
            ? false
            : throw Failure($"{from} cannot be linked as {to}");
    }

    /// <summary>
    /// The disk, or the operating system's quota on it, is full; or the file would be larger than it takes.
    /// </summary>
    public static bool IsNoSpace(IOException e) => e.HResult is NoSpaceLeft or QuotaOfDisk or FileTooBig;

    private static IOException Failure(string what)
    {
        var error = Marshal.GetLastPInvokeError();
        return new($"{what}: {new Win32Exception(error).Message}", error);
    }
}
