using Kosha.Daemon.Auth;
using Kosha.Storage.Accounts;
using Xunit;

namespace Kosha.Tests.Daemon;

public sealed class CredentialCacheTests
{
    private readonly ManualTime time = new();

    private static VerifiedCredential Credential(long userId) =>
        new(new Caller(userId, Guid.NewGuid()), AppPasswordId: 1);

    [Fact]
    public void An_entry_lives_five_minutes_after_its_last_use()
    {
        var cache = new CredentialCache(time);
        var key = cache.KeyOf("Basic x");
        cache.Remember(key, Credential(1));
        for (var i = 0; i < 5; i++)
        {
            time.Move(TimeSpan.FromMinutes(4));
            Assert.NotNull(cache.Find(key));
        }
        time.Move(TimeSpan.FromMinutes(6));
        Assert.Null(cache.Find(key));
    }

    [Fact]
    public void Keys_hold_no_secret_and_differ_between_processes()
    {
        var key = new CredentialCache(time).KeyOf("Basic am86c2VjcmV0");
        Assert.DoesNotContain("am86c2VjcmV0", key);
        Assert.NotEqual(key, new CredentialCache(time).KeyOf("Basic am86c2VjcmV0"));
    }

    [Fact]
    public void It_never_holds_more_than_its_limit()
    {
        var cache = new CredentialCache(time);
        var keys = Enumerable.Range(0, CredentialCache.MaxEntries + 500).Select(i => cache.KeyOf($"{i}")).ToList();
        foreach (var key in keys)
            cache.Remember(key, Credential(1));
        Assert.InRange(keys.Count(key => cache.Find(key) is not null), 1, CredentialCache.MaxEntries);
        Assert.NotNull(cache.Find(keys[^1]));
    }

    [Fact]
    public void A_use_is_noted_once_a_minute()
    {
        var cache = new CredentialCache(time);
        var key = cache.KeyOf("Basic x");
        cache.Remember(key, Credential(1));
        Assert.False(cache.IsNoteDue(key));
        time.Move(TimeSpan.FromSeconds(61));
        Assert.True(cache.IsNoteDue(key));
        Assert.False(cache.IsNoteDue(key));
    }
}
