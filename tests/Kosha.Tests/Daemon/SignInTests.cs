using System.Net.Http.Headers;
using System.Text;
using Kosha.Daemon.Auth;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Daemon;

/// <summary>Sign-in at the drive of a real daemon.</summary>
public sealed class SignInTests(SharedKosha shared)
{
    private static async Task<int> StatusAsync(
        KoshaProcess kosha, string name, string password, string? forwardedFor = null)
    {
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Head, new Uri(kosha.Url, "dav/"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic",
            Convert.ToBase64String(Encoding.UTF8.GetBytes($"{name}:{password}")));
        if (forwardedFor is not null)
            request.Headers.Add("X-Forwarded-For", forwardedFor);
        using var response = await client.SendAsync(request);
        if ((int)response.StatusCode == 429)
            Assert.InRange(response.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 600);
        return (int)response.StatusCode;
    }

    [Fact]
    public async Task Every_way_to_write_a_good_credential_is_taken()
    {
        var kosha = await shared.Instance;
        var user = await kosha.NewUserAsync();
        var secret = await NewAppPasswordAsync(kosha, user.Name, "phone");
        Assert.Equal(200, await StatusAsync(kosha, user.Name.ToUpperInvariant(), user.Password));
        Assert.Equal(200, await StatusAsync(kosha, @"DESKTOP\" + user.Name, user.Password));
        Assert.Equal(200, await StatusAsync(kosha, user.Name, secret));
        Assert.Equal(200, await StatusAsync(kosha, user.Name,
            secret.Replace("-", "", StringComparison.Ordinal).ToLowerInvariant()));
        Assert.Equal(401, await StatusAsync(kosha, "admin", secret));
    }

    [Fact]
    public async Task The_challenge_names_UTF8_and_options_need_no_credential()
    {
        var kosha = await shared.Instance;
        using var client = new HttpClient();
        using var challenged = await client.GetAsync(new Uri(kosha.Url, "dav/"));
        Assert.Equal("Basic realm=\"Kosha\", charset=\"UTF-8\"", challenged.Headers.WwwAuthenticate.ToString());
        using var request = new HttpRequestMessage(HttpMethod.Options, new Uri(kosha.Url, "DAV/"));
        using var options = await client.SendAsync(request);
        Assert.Equal(200, (int)options.StatusCode);
        using var upperCase = await client.GetAsync(new Uri(kosha.Url, "DAV/"));
        Assert.Equal(401, (int)upperCase.StatusCode);
    }

    [Fact]
    public async Task Other_credentials_of_a_user_outlive_a_revocation_without_one_failure()
    {
        var kosha = await shared.Instance;
        var user = await kosha.NewUserAsync();
        var kept = await NewAppPasswordAsync(kosha, user.Name, "kept");
        var lost = await NewAppPasswordAsync(kosha, user.Name, "lost");
        Assert.Equal(200, await StatusAsync(kosha, user.Name, lost));
        Assert.Equal(200, await StatusAsync(kosha, user.Name, kept));

        var revoked = kosha.CommandAsync("app-password", "revoke", user.Name, "lost");
        while (!revoked.IsCompleted)
            Assert.Equal(200, await StatusAsync(kosha, user.Name, kept));
        (await revoked).MustSucceed();
        Assert.Equal(401, await StatusAsync(kosha, user.Name, lost));
        Assert.Equal(200, await StatusAsync(kosha, user.Name, kept));
        Assert.Equal(200, await StatusAsync(kosha, user.Name, user.Password));
    }

    [Fact]
    public async Task Guessing_is_stopped_but_not_whoever_is_signed_in()
    {
        await using var kosha = await KoshaProcess.StartNewAsync(("Http:TrustedProxies", "127.0.0.0/8"));
        var user = await kosha.NewUserAsync();
        const string Attacker = "192.0.2.1";
        Assert.Equal(200, await StatusAsync(kosha, user.Name, user.Password, Attacker));
        for (var i = 0; i < SignIn.FailuresByNameAndAddress; i++)
            Assert.Equal(401, await StatusAsync(kosha, user.Name, $"guess {i}", Attacker));
        Assert.Equal(429, await StatusAsync(kosha, user.Name, "guess", Attacker));

        // Remembered, of another name, and from elsewhere.
        Assert.Equal(200, await StatusAsync(kosha, user.Name, user.Password, Attacker));
        Assert.Equal(200, await StatusAsync(kosha, "admin", KoshaProcess.AdminPassword, Attacker));
        Assert.Equal(401, await StatusAsync(kosha, user.Name, "guess", "192.0.2.2"));

        // A daemon that remembers nobody counts on.
        await kosha.StopAsync();
        await kosha.StartAsync();
        Assert.Equal(429, await StatusAsync(kosha, user.Name, user.Password, Attacker));
        await kosha.StopAsync();
    }

    [Fact]
    public async Task A_device_with_an_old_password_takes_nobodys_attempts_away_until_it_is_right_again()
    {
        await using var kosha = await KoshaProcess.StartNewAsync(("Http:TrustedProxies", "127.0.0.0/8"));
        var user = await kosha.NewUserAsync();
        const string Home = "192.0.2.1", Old = "the password before";
        foreach (var name in new[] { user.Name, "nobody-of-this-name" })
        {
            for (var i = 0; i <= SignIn.FailuresByAddress; i++)
                Assert.Equal(401, await StatusAsync(kosha, name, Old, Home));
        }
        // Neither the account nor the address came to its limit.
        Assert.Equal(200, await StatusAsync(kosha, user.Name, user.Password, Home));
        Assert.Equal(200, await StatusAsync(kosha, "admin", KoshaProcess.AdminPassword, Home));
        // Another one is verified and counted all the same.
        for (var i = 1; i < SignIn.FailuresByNameAndAddress; i++)
            Assert.Equal(401, await StatusAsync(kosha, user.Name, $"guess {i}", "192.0.2.2"));
        Assert.Equal(401, await StatusAsync(kosha, user.Name, Old, "192.0.2.2"));
        Assert.Equal(429, await StatusAsync(kosha, user.Name, "guess", "192.0.2.2"));
        // What was wrong is right with the next request.
        (await kosha.CommandAsync(Old + "\n", ["user", "passwd", user.Name, "--password-stdin"])).MustSucceed();
        Assert.Equal(200, await StatusAsync(kosha, user.Name, Old, Home));
        (await kosha.CommandAsync("user", "disable", user.Name)).MustSucceed();
        for (var i = 0; i < 3; i++)
            Assert.Equal(401, await StatusAsync(kosha, user.Name, Old, Home));
        (await kosha.CommandAsync("user", "enable", user.Name)).MustSucceed();
        Assert.Equal(200, await StatusAsync(kosha, user.Name, Old, Home));
        await kosha.StopAsync();
    }

    [Fact]
    public async Task A_stranger_cannot_choose_the_address_under_which_failures_count()
    {
        await using var kosha = await KoshaProcess.StartNewAsync();
        var user = await kosha.NewUserAsync();
        for (var i = 0; i < SignIn.FailuresByNameAndAddress; i++)
            Assert.Equal(401, await StatusAsync(kosha, user.Name, $"guess {i}", $"192.0.2.{i}"));
        Assert.Equal(429, await StatusAsync(kosha, user.Name, "guess", "192.0.2.99"));
        // The API counts with it.
        using var drive = kosha.Drive(new(user.Name, "guess"));
        using var api = new ApiClient(drive);
        (await api.ListAsync()).MustBe("too-many-sign-ins", 429);
        await kosha.StopAsync();
    }

    private static async Task<string> NewAppPasswordAsync(KoshaProcess kosha, string user, string label) =>
        (await kosha.CommandAsync("app-password", "add", user, "--name", label)).MustSucceed().Output.Trim();
}
