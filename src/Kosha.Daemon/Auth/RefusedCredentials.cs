using System.Collections.Concurrent;
using Kosha.Storage.Accounts;

namespace Kosha.Daemon.Auth;

/// <summary>
/// Credentials that were wrong a short time ago: a device that goes on with an old password costs one slow hash and one
/// failure for each <see cref="Lifetime"/>, and takes nobody behind its address the attempts away. An entry is for one
/// address and for the account as it was, by its stamp: who sets that password back, or switches two-factor sign-in
/// off, is let in with the next request, and app passwords are looked up before, so that a new one is, too. Memory
/// holds no password (<see cref="CredentialCache.KeyOf"/>).
/// </summary>
internal sealed class RefusedCredentials(TimeProvider time)
{
    public const int MaxEntries = 10_000;

    /// <summary>As long as a failure counts, so that a device that only repeats itself never comes to the limit.
    /// </summary>
    public static readonly TimeSpan Lifetime = SignInFailures.Window;

    private readonly ConcurrentDictionary<RefusedCredential, long> entries = new();

    /// <summary>Whether it was refused within <see cref="Lifetime"/>; asking prolongs nothing.</summary>
    public bool Has(RefusedCredential credential) =>
        entries.TryGetValue(credential, out var since) && !IsOver(since);

    public void Remember(RefusedCredential credential)
    {
        if (entries.Count >= MaxEntries)
            MakeRoom();
        entries[credential] = time.GetTimestamp();
    }

    private bool IsOver(long since) => time.GetElapsedTime(since) >= Lifetime;

    private void MakeRoom()
    {
        foreach (var (credential, since) in entries)
        {
            if (IsOver(since))
                entries.TryRemove(credential, out _);
        }
        // All young: whoever comes next pays for one more verify, and is counted for it.
        if (entries.Count >= MaxEntries)
            entries.Clear();
    }
}

/// <summary>What was refused, for whom and where.</summary>
/// <param name="Key">Of the whole header; see <see cref="CredentialCache.KeyOf"/>.</param>
/// <param name="Address">
/// The client's. From elsewhere it is verified anew, or a quick answer would tell what somebody else has tried.
/// </param>
/// <param name="Stamp">Of the account; null: of nobody who can sign in.</param>
/// <param name="HasTwoFactor">The account's own password is no credential for Basic.</param>
internal readonly record struct RefusedCredential(string Key, string Address, Guid? Stamp, bool HasTwoFactor)
{
    public static RefusedCredential Of(string key, string address, StoredPassword? stored) =>
        new(key, address, stored?.CredentialStamp, stored?.HasTwoFactor ?? false);
}
