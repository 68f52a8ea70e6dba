using Kosha.Daemon.Api;
using Kosha.Storage;
using Xunit;

namespace Kosha.Tests.Daemon;

/// <summary>How much goes on at once.</summary>
public sealed class SlotsTests
{
    private readonly Slots slots = new();

    private IDisposable Enter(string who) => slots.Enter(new(who, 2, $"{who} has enough."), new("all", 3, "All do."));

    private string Refused(string who) => Assert.Throws<StorageException>(() => Enter(who)).Message;

    [Fact]
    public void One_takes_no_more_than_its_own_and_all_no_more_than_there_is()
    {
        var first = Enter("a");
        using var second = Enter("a");
        Assert.Equal("a has enough.", Refused("a"));
        // Who was refused has taken nothing.
        using var third = Enter("b");
        Assert.Equal("All do.", Refused("b"));
        first.Dispose();
        using var fourth = Enter("a");
        Assert.Equal("All do.", Refused("b"));
    }
}
