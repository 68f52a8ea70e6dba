using System.Globalization;
using Kosha.Storage.Blobs;

namespace Kosha.Daemon;

/// <summary>
/// The folder that holds the state of an installation: private Postgres, blobs, spool, secrets. Its mode is 0700. Who
/// holds its lock may run the Postgres in it; the lock goes with the process, however that ends.
/// </summary>
internal sealed class DataFolder
{
    /// <summary>Also the mark by which Kosha knows a folder of its own.</summary>
    public const string LockName = "kosha.lock";

    private const string ProbePrefix = ".kosha-probe-";

    public const UnixFileMode PrivateFolder = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    public const UnixFileMode PrivateFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private DataFolder(string path) => Path = path;

    /// <summary>Absolute and without symbolic links.</summary>
    public string Path { get; }

    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>Makes the folder if it is not there, and sees that it may be used.</summary>
    /// <exception cref="OperatorException">It is somebody else's, or cannot be written.</exception>
    public static DataFolder Open(string path)
    {
        try
        {
            if (!Directory.Exists(path))
                Directory.CreateDirectory(path, PrivateFolder);
            else if (Refusal(path) is { } refusal)
                throw new OperatorException(refusal);
            else if (File.GetUnixFileMode(path) != PrivateFolder)
                File.SetUnixFileMode(path, PrivateFolder);
            Probe(path);
            return new(Native.RealPath(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"The data folder {path} cannot be used by the user '{Environment.UserName}' "
                + $"({e.Message}). Give the folder to this user, or choose another with --DataDirectory=FOLDER.", e);
        }
    }

    /// <summary>Why an existing folder may not become Kosha's; null if it may.</summary>
    public static string? Refusal(string path)
    {
        if (IsKoshas(path))
            return null;
        // A fresh file system has a lost+found, and another Kosha may be looking at the folder just now.
        var foreign = Directory.EnumerateFileSystemEntries(path).Select(entry => System.IO.Path.GetFileName(entry))
            .FirstOrDefault(name => name != "lost+found" && !name.StartsWith(ProbePrefix, StringComparison.Ordinal));
        // What was found may be the work of another Kosha that took the folder meanwhile: its lock comes first.
        return foreign is null || IsKoshas(path) ? null
            : $"The folder {path} is not Kosha's and not empty (it holds '{foreign}'). Choose an empty or a new folder "
            + "with --DataDirectory=FOLDER.";
    }

    private static bool IsKoshas(string path) => File.Exists(System.IO.Path.Combine(path, LockName));

    /// <summary>Writes and removes a file.</summary>
    public static void Probe(string path)
    {
        var probe = System.IO.Path.Combine(path, $"{ProbePrefix}{Environment.ProcessId}");
        File.WriteAllText(probe, "");
        File.Delete(probe);
    }

    /// <summary>Takes the lock; null if another process holds it.</summary>
    /// <param name="holder">What the holder does, in words for <see cref="Holder"/>.</param>
    public IDisposable? TryLock(string holder)
    {
        var held = TryLock(LockName, FileShare.None);
        if (held is not null)
            File.WriteAllText(this[HolderName],
                string.Create(CultureInfo.InvariantCulture, $"{holder}\n{Environment.ProcessId}\n"));
        return held;
    }

    /// <summary>
    /// Announces a visitor: somebody who works with the holder's Postgres. Null if the holder is about to stop it.
    /// </summary>
    public IDisposable? TryVisit() => TryLock(VisitorsName, FileShare.ReadWrite);

    /// <summary>For the holder: null while there are visitors; else none can come until this is disposed of.</summary>
    public IDisposable? TryShutOut() => TryLock(VisitorsName, FileShare.None);

    private const string HolderName = "kosha.holder";
    private const string VisitorsName = "kosha.visitors";

    private FileStream? TryLock(string name, FileShare share)
    {
        try
        {
            return new(this[name], new FileStreamOptions
            {
                Mode = FileMode.OpenOrCreate,
                Access = FileAccess.ReadWrite,
                Share = share,
                UnixCreateMode = PrivateFile,
            });
        }
        catch (IOException e) when (e is not FileNotFoundException and not DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>What the living holder of a folder does, without a touch on its lock; null if there is none.</summary>
    public static string? LiveHolder(string path)
    {
        var (what, pid) = new DataFolder(path).Holder();
        try
        {
            // The id may be another program's by now.
            var isKosha = pid.Length > 0
                && File.ReadAllText($"/proc/{pid}/cmdline").Contains("kosha", StringComparison.Ordinal);
            return isKosha ? what : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Who took the lock last, and under which process id; empty if nobody knows.</summary>
    public (string What, string Pid) Holder()
    {
        try
        {
            var lines = File.ReadAllLines(this[HolderName]);
            return lines.Length < 2 ? ("", "") : (lines[0], lines[1]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ("", "");
        }
    }

    /// <summary>Writes a file that only its owner may read, all or nothing, and durably.</summary>
    public void WritePrivate(string name, string text)
    {
        var temporary = this[name + ".new"];
        File.Delete(temporary);
        using (var stream = new FileStream(temporary, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = PrivateFile,
        }))
        {
            stream.Write(System.Text.Encoding.UTF8.GetBytes(text));
            stream.Flush(flushToDisk: true);
        }
        File.Move(temporary, this[name], overwrite: true);
        Posix.SyncFolder(Path);
    }
}
