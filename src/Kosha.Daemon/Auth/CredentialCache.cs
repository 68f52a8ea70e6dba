using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Kosha.Storage.Accounts;

namespace Kosha.Daemon.Auth;

/// <summary>
/// Credentials verified before, because WebDAV clients send theirs with every request and a verify takes 75 ms. Keys
/// are HMACs of the header under a key of this process, so memory holds no password. An entry is forgotten five minutes
/// after its last use; that it still holds is asked in every statement on the tree.
/// </summary>
internal sealed class CredentialCache(TimeProvider time)
{
    public const int MaxEntries = 10_000;
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan NoteInterval = TimeSpan.FromMinutes(1);

    private readonly byte[] hmacKey = RandomNumberGenerator.GetBytes(32);
    private readonly ConcurrentDictionary<string, Entry> entries = new(StringComparer.Ordinal);

    private sealed class Entry(Caller caller)
    {
        public Caller Caller => caller;

        public long UsedAt { get; set; }

        public long NotedAt { get; set; }
    }

    public string KeyOf(string header) =>
        Convert.ToBase64String(HMACSHA256.HashData(hmacKey, Encoding.UTF8.GetBytes(header)));

    public Caller? Find(string key)
    {
        if (!entries.TryGetValue(key, out var entry) || IsOld(entry))
            return null;
        entry.UsedAt = time.GetTimestamp();
        return entry.Caller;
    }

    public void Remember(string key, Caller caller)
    {
        if (entries.Count >= MaxEntries)
            MakeRoom();
        var now = time.GetTimestamp();
        entries[key] = new(caller) { UsedAt = now, NotedAt = now };
    }

    /// <summary>True at most once a minute: the use of this credential is to be noted in the database.</summary>
    public bool IsNoteDue(string key)
    {
        if (!entries.TryGetValue(key, out var entry) || time.GetElapsedTime(entry.NotedAt) < NoteInterval)
            return false;
        entry.NotedAt = time.GetTimestamp();
        return true;
    }

    public void Forget(string key) => entries.TryRemove(key, out _);

    private bool IsOld(Entry entry) => time.GetElapsedTime(entry.UsedAt) > Lifetime;

    private void MakeRoom()
    {
        foreach (var (key, entry) in entries)
        {
            if (IsOld(entry))
                Forget(key);
        }
        // All in use: whoever comes next pays for one more verify.
        if (entries.Count >= MaxEntries)
            entries.Clear();
    }
}
