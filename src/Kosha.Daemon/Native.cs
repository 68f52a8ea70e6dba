using System.Runtime.InteropServices;

namespace Kosha.Daemon;

/// <summary>The few calls of the C library that .NET has no word for.</summary>
internal static partial class Native
{
    public const int SigInt = 2;
    public const int SigQuit = 3;
    public const int SigKill = 9;

    [LibraryImport("libc", EntryPoint = "geteuid")]
    public static partial uint EffectiveUserId();

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    public static partial int Kill(int pid, int signal);

    /// <summary>Becomes another program under the same process id. Returns only if that failed.</summary>
    /// <param name="path">Absolute.</param>
    /// <param name="arguments">The last is null.</param>
    /// <param name="environment">The last is null.</param>
    [LibraryImport("libc", EntryPoint = "execve", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Execute(string path, string?[] arguments, string?[] environment);
}
