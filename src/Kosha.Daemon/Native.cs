using System.Runtime.InteropServices;
using System.Text;

namespace Kosha.Daemon;

/// <summary>The few calls of the C library that .NET has no word for.</summary>
internal static partial class Native
{
    public const int SigInt = 2;
    public const int SigQuit = 3;
    public const int SigKill = 9;

    /// <summary>077: everything of the group and of others.</summary>
    public const uint AllButOwner = 0x3F;

    private const int MaxPathBytes = 4096; // PATH_MAX

    [LibraryImport("libc", EntryPoint = "geteuid")]
    public static partial uint EffectiveUserId();

    /// <summary>Takes these permissions away from every file and folder that this process makes.</summary>
    [LibraryImport("libc", EntryPoint = "umask")]
    public static partial uint SetUmask(uint permissions);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    public static partial int Kill(int pid, int signal);

    [LibraryImport("libc", EntryPoint = "realpath", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint RealPath(string path, ref byte resolved);

    /// <summary>The path without symbolic links, as the system itself shows it in /proc.</summary>
    /// <exception cref="IOException">There is nothing at this path, or it cannot be reached.</exception>
    public static string RealPath(string path)
    {
        var resolved = new byte[MaxPathBytes];
        if (RealPath(path, ref resolved[0]) == 0)
            throw new IOException($"{path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
        return Encoding.UTF8.GetString(resolved.AsSpan(0, Array.IndexOf(resolved, (byte)0)));
    }

    /// <summary>Becomes another program under the same process id. Returns only if that failed.</summary>
    /// <param name="path">Absolute.</param>
    /// <param name="arguments">The last is null.</param>
    /// <param name="environment">The last is null.</param>
    [LibraryImport("libc", EntryPoint = "execve", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Execute(string path, string?[] arguments, string?[] environment);
}
