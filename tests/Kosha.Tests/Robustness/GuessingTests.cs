using System.Diagnostics;
using System.Globalization;
using Kosha.Daemon.Auth;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>
/// Guessing of passwords: slowed by account and address on all daemons together, never at the expense of the owner, and
/// without an answer to whether there is such a user.
/// </summary>
public sealed class GuessingTests(SharedPostgres postgres)
{
    private const string Guesser = "192.0.2.1";
    private const string Home = "198.51.100.1";

    /// <summary>Two daemons over one database and one folder of blobs, behind a proxy that is trusted.</summary>
    private async Task<(KoshaProcess First, KoshaProcess Second, TestFolder Folder)> StartAsync()
    {
        var folder = new TestFolder();
        var shared = folder.NewFolder("shared");
        File.SetUnixFileMode(shared, (UnixFileMode)0b111_111_111);
        (string, string)[] settings =
        [
            ("Database:ConnectionString", await (await postgres.Durable).NewEmptyDatabaseAsync()),
            ("Blobs:Directory", Path.Combine(shared, "blobs")), ("Http:TrustedProxies", "127.0.0.0/8"),
        ];
        var first = await KoshaProcess.StartNewAsync(settings);
        var second = await KoshaProcess.StartNewAsync([
            .. settings, ("Security:MasterKeyFile", Path.Combine(first.DataDirectory, "master-key")),
        ]);
        return (first, second, folder);
    }

    private static async Task<int> BasicAsync(KoshaProcess kosha, string name, string password, string from)
    {
        using var drive = kosha.Drive(new(name, password));
        return (await drive.SendAsync("PROPFIND", "", ("Depth", "0"), ("X-Forwarded-For", from))).Status;
    }

    private static async Task<int> SignInAsync(KoshaProcess kosha, string name, string password, string from)
    {
        using var browser = new Browser(kosha.Url) { ForwardedFor = from };
        return (await browser.SignInAsync(name, password)).Status;
    }

    [Fact]
    public async Task Guesses_at_both_doors_of_two_daemons_count_together_and_lock_nobody_else_out()
    {
        var (first, second, folder) = await StartAsync();
        using var removed = folder;
        await using var one = first;
        await using var two = second;
        var user = await first.NewUserAsync();
        var other = await first.NewUserAsync();
        var secret = (await first.CommandAsync("app-password", "add", user.Name, "--name", "phone")).MustSucceed()
            .Output.Trim();
        // A name of nobody is limited as well, or the limit would tell who is there.
        foreach (var name in new[] { user.Name, "nobody-of-this-name" })
        {
            for (var i = 0; i < SignIn.FailuresByNameAndAddress; i++)
            {
                var kosha = i % 2 == 0 ? first : second;
                Assert.Equal(401, i % 3 == 0
                    ? await SignInAsync(kosha, name, $"guess {i}", Guesser)
                    : await BasicAsync(kosha, name.ToUpperInvariant(), $"guess {i}", Guesser));
            }
            foreach (var kosha in new[] { first, second })
            {
                Assert.Equal(429, await BasicAsync(kosha, name, user.Password, Guesser));
                Assert.Equal(429, await SignInAsync(kosha, name, user.Password, Guesser));
            }
        }
        foreach (var kosha in new[] { first, second })
        {
            Assert.Equal(207, await BasicAsync(kosha, user.Name, secret, Guesser));
            Assert.Equal(207, await BasicAsync(kosha, user.Name, user.Password, Home));
            Assert.Equal(200, await SignInAsync(kosha, user.Name, user.Password, Home));
            Assert.Equal(207, await BasicAsync(kosha, other.Name, other.Password, Guesser));
        }
    }

    [Fact]
    public async Task An_address_that_tries_many_names_is_stopped_whatever_the_name()
    {
        await using var kosha = await KoshaProcess.StartNewAsync(("Http:TrustedProxies", "127.0.0.0/8"));
        var user = await kosha.NewUserAsync();
        var tried = 0;
        await Parallel.ForEachAsync(Enumerable.Range(0, SignIn.FailuresByAddress),
            new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (number, _) =>
            {
                var name = string.Create(CultureInfo.InvariantCulture, $"name{number}");
                if (await SignInAsync(kosha, name, "a guess", Guesser) == 401)
                    Interlocked.Increment(ref tried);
            });
        Assert.Equal(SignIn.FailuresByAddress, tried);
        Assert.Equal(429, await SignInAsync(kosha, user.Name, user.Password, Guesser));
        Assert.Equal(200, await SignInAsync(kosha, user.Name, user.Password, Home));
    }

    /// <summary>
    /// A name of nobody takes the same slow hash: one that was left out would take less than a hundredth of it.
    /// </summary>
    [Fact]
    public void A_name_of_nobody_costs_as_much_as_a_wrong_password()
    {
        var hash = Passwords.Hash("the right password");
        Passwords.Verify(null, "warm");
        TimeSpan Least(string? stored) => Enumerable.Range(0, 5).Min(_ =>
        {
            var start = Stopwatch.GetTimestamp();
            Assert.False(Passwords.Verify(stored, "a wrong password"));
            return Stopwatch.GetElapsedTime(start);
        });
        Assert.InRange(Least(null) / Least(hash), 0.2, 5);
    }
}
