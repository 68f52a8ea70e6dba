using System.Net;
using Kosha.Daemon.Webhooks;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Daemon;

/// <summary>Where webhooks may lead.</summary>
public sealed class WebhookConnectionsTests
{
    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("0.1.2.3")]
    [InlineData("10.0.0.1")]
    [InlineData("100.64.0.1")]
    [InlineData("100.127.255.255")]
    [InlineData("127.0.0.1")]
    [InlineData("127.255.0.1")]
    [InlineData("169.254.169.254")]
    [InlineData("172.16.0.1")]
    [InlineData("172.31.255.255")]
    [InlineData("192.0.0.8")]
    [InlineData("192.0.2.1")]
    [InlineData("192.168.1.1")]
    [InlineData("198.18.0.1")]
    [InlineData("198.19.255.255")]
    [InlineData("198.51.100.1")]
    [InlineData("203.0.113.1")]
    [InlineData("224.0.0.1")]
    [InlineData("239.255.255.255")]
    [InlineData("240.0.0.1")]
    [InlineData("255.255.255.255")]
    [InlineData("::")]
    [InlineData("::1")]
    [InlineData("::7f00:1")]
    [InlineData("::8.8.8.8")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("::ffff:10.0.0.1")]
    [InlineData("64:ff9b::7f00:1")]
    [InlineData("64:ff9b:1::1")]
    [InlineData("100::1")]
    [InlineData("2001::1")]
    [InlineData("2001:2::1")]
    [InlineData("2001:db8::1")]
    [InlineData("2002:7f00:1::1")]
    [InlineData("3fff::1")]
    [InlineData("fc00::1")]
    [InlineData("fdff::1")]
    [InlineData("fe80::1")]
    [InlineData("fec0::1")]
    [InlineData("ff02::1")]
    public void An_address_of_somebodys_own_network_is_refused(string address) =>
        Assert.False(WebhookConnections.IsPublic(IPAddress.Parse(address)));

    [Theory]
    [InlineData("1.1.1.1")]
    [InlineData("8.8.8.8")]
    [InlineData("100.63.255.255")]
    [InlineData("100.128.0.1")]
    [InlineData("172.15.255.255")]
    [InlineData("172.32.0.1")]
    [InlineData("198.17.255.255")]
    [InlineData("198.20.0.1")]
    [InlineData("223.255.255.255")]
    [InlineData("::ffff:8.8.8.8")]
    [InlineData("2606:4700:4700::1111")]
    [InlineData("2a00:1450::1")]
    public void An_address_of_the_internet_is_good(string address) =>
        Assert.True(WebhookConnections.IsPublic(IPAddress.Parse(address)));

    /// <summary>A name that says another address the second time is of no use to anybody.</summary>
    [Fact]
    public async Task A_name_is_resolved_once_and_what_was_looked_at_is_connected_to()
    {
        await using var receiver = await WebhookReceiver.StartAsync();
        var asked = 0;
        Task<IPAddress[]> Resolve(string name, CancellationToken ct)
        {
            asked++;
            return Task.FromResult<IPAddress[]>([IPAddress.Parse(asked == 1 ? "127.0.0.3" : "127.0.0.4")]);
        }
        var url = $"http://receiver.example.org:{receiver.Url.Port}/";
        using (var refusing = new HttpClient(new WebhookConnections(allowPrivate: false, Resolve).NewHandler()))
        {
            var refused = await Assert.ThrowsAsync<HttpRequestException>(() => refusing.GetAsync(url));
            Assert.Contains("receiver.example.org has a private address", refused.ToString(), StringComparison.Ordinal);
        }
        Assert.Equal((1, 0), (asked, receiver.Count));
        asked = 0;
        using var allowing = new HttpClient(new WebhookConnections(allowPrivate: true, Resolve).NewHandler());
        using var answer = await allowing.GetAsync(url);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal((1, 1), (asked, receiver.Count));
    }
}
