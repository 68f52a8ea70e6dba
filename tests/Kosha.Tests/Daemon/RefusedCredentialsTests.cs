using Kosha.Daemon.Auth;
using Kosha.Storage.Accounts;
using Xunit;

namespace Kosha.Tests.Daemon;

public sealed class RefusedCredentialsTests
{
    private readonly ManualTime time = new();

    private static RefusedCredential Credential(string key, StoredPassword? stored = null, string address = "1") =>
        RefusedCredential.Of(key, address, stored);

    [Fact]
    public void One_is_refused_again_while_its_failure_counts_and_no_longer_by_being_asked_for()
    {
        var refused = new RefusedCredentials(time);
        refused.Remember(Credential("a"));
        time.Move(RefusedCredentials.Lifetime - TimeSpan.FromSeconds(1));
        Assert.True(refused.Has(Credential("a")));
        time.Move(TimeSpan.FromSeconds(1));
        Assert.False(refused.Has(Credential("a")));
    }

    [Fact]
    public void It_is_for_one_address_and_the_account_as_it_was()
    {
        var refused = new RefusedCredentials(time);
        var stored = new StoredPassword(1, "hash", Guid.NewGuid(), HasTwoFactor: false);
        refused.Remember(Credential("a", stored));
        Assert.True(refused.Has(Credential("a", stored)));
        Assert.False(refused.Has(Credential("b", stored)));
        Assert.False(refused.Has(Credential("a", stored, "2")));
        Assert.False(refused.Has(Credential("a")));
        Assert.False(refused.Has(Credential("a", stored with { CredentialStamp = Guid.NewGuid() })));
        Assert.False(refused.Has(Credential("a", stored with { HasTwoFactor = true })));
    }

    [Fact]
    public void It_never_holds_more_than_its_limit()
    {
        var refused = new RefusedCredentials(time);
        var all = Enumerable.Range(0, RefusedCredentials.MaxEntries + 500).Select(i => Credential($"{i}")).ToList();
        foreach (var credential in all)
            refused.Remember(credential);
        Assert.InRange(all.Count(refused.Has), 1, RefusedCredentials.MaxEntries);
        Assert.True(refused.Has(all[^1]));
    }
}
