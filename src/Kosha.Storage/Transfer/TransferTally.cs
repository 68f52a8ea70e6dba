using Kosha.Storage.Upkeep;

namespace Kosha.Storage.Transfer;

/// <summary>What an import or export has to do and has done. It may be read while the work goes on.</summary>
public sealed class TransferTally
{
    private readonly Lock problemsLock = new();
    private readonly Findings problems = new();
    private long files;
    private long bytes;
    private long same;

    /// <summary>Files that there are; 0 until they are counted.</summary>
    public long TotalFiles { get; internal set; }

    /// <summary>Bytes in them.</summary>
    public long TotalBytes { get; internal set; }

    /// <summary>Files that were brought over.</summary>
    public long Files => Interlocked.Read(ref files);

    /// <summary>Bytes of what was brought over, and of what was there already.</summary>
    public long Bytes => Interlocked.Read(ref bytes);

    /// <summary>Files that were there already, of the same size and time.</summary>
    public long Same => Interlocked.Read(ref same);

    /// <summary>What was left out, and why.</summary>
    public Findings Problems
    {
        get
        {
            lock (problemsLock)
                return problems;
        }
    }

    internal void AddFile() => Interlocked.Increment(ref files);

    internal void AddSame(long size)
    {
        Interlocked.Increment(ref same);
        Interlocked.Add(ref bytes, size);
    }

    internal void AddBytes(long count) => Interlocked.Add(ref bytes, count);

    internal void AddProblem(string what, string why)
    {
        lock (problemsLock)
            problems.Add($"{what}: {why}");
    }

    /// <summary>
    /// The same file, as far as its size and time say: times to the second, as file systems keep them.
    /// </summary>
    internal static bool IsSame(long size, DateTime time, long otherSize, DateTime otherTime) =>
        size == otherSize && (time - otherTime).Duration() < TimeSpan.FromSeconds(1);

    /// <summary>Nothing that comes later would fare better.</summary>
    internal static bool EndsAll(StorageException e) => e.Fault is StorageFault.QuotaExceeded or StorageFault.NoSpace
        or StorageFault.CredentialRevoked or StorageFault.Unavailable;
}
