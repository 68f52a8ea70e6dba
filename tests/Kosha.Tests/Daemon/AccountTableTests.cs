using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Search;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Daemon;

/// <summary>The tables of accounts on a real Postgres.</summary>
public sealed class AccountTableTests(SharedPostgres postgres) : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;
    private Database database = null!;
    private UserTable users = null!;
    private UsageTable usage = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.NewDatabaseAsync();
        users = new(database);
        usage = new(database);
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    private static async Task RefusedAsync(StorageFault fault, Func<Task> work) =>
        Assert.Equal(fault, (await Assert.ThrowsAsync<StorageException>(work)).Fault);

    [Fact]
    public async Task Names_and_emails_are_unique_without_case()
    {
        await users.AddAsync(new("Jo", "hash") { Email = "jo@example.org" }, None);
        await RefusedAsync(StorageFault.AlreadyExists, () => users.AddAsync(new("JO", "hash"), None));
        await RefusedAsync(StorageFault.AlreadyExists,
            () => users.AddAsync(new("other", "hash") { Email = "Jo@Example.org" }, None));
        Assert.Single(await users.ListAsync(None));
        Assert.NotNull(await users.FindPasswordAsync("jo", None));
        Assert.NotNull(await users.FindPasswordAsync("JO@example.org", None));
        Assert.Null(await users.FindPasswordAsync("nobody", None));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" jo")]
    [InlineData("a@b")]
    [InlineData("a:b")]
    [InlineData(@"a\b")]
    [InlineData("a/b")]
    [InlineData("a\nb")]
    public Task Bad_names_are_refused(string name) =>
        RefusedAsync(StorageFault.InvalidValue, () => users.AddAsync(new(name, "hash"), None));

    [Fact]
    public async Task Names_are_valid_Unicode()
    {
        foreach (var letter in (char[])['\uD800', '\uDC00', '\uFFFE'])
        {
            await RefusedAsync(StorageFault.InvalidValue, () => users.AddAsync(new($"a{letter}b", "hash"), None));
            await RefusedAsync(StorageFault.InvalidValue, () => users.SetPasswordAsync($"a{letter}b", "hash", None));
        }
    }

    [Theory]
    [InlineData('\u200B')]
    [InlineData('\u202E')]
    [InlineData('\u00AD')]
    [InlineData('\uFFFD')]
    public Task Names_have_nothing_that_nobody_sees(char letter) =>
        RefusedAsync(StorageFault.InvalidValue, () => users.AddAsync(new($"a{letter}b", "hash"), None));

    [Fact]
    public async Task Names_have_at_most_80_letters_of_any_alphabet()
    {
        await users.AddAsync(new(string.Concat(Enumerable.Repeat("\U0001F600", 80)), "hash"), None);
        await RefusedAsync(StorageFault.InvalidValue, () => users.AddAsync(new(new string('x', 81), "hash"), None));
        await RefusedAsync(StorageFault.InvalidValue, () => users.AddAsync(
            new("y", "hash") { Email = new string('x', 120) + "@x" }, None));
        await RefusedAsync(StorageFault.InvalidValue, () => users.AddAsync(new("z", "hash") { Plan = "none" }, None));
        Assert.Single(await users.ListAsync(None));
    }

    [Fact]
    public async Task Of_many_at_once_one_gets_the_name()
    {
        var results = await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            try
            {
                return await users.AddAsync(new("race", "hash"), None) > 0;
            }
            catch (StorageException e) when (e.Fault == StorageFault.AlreadyExists)
            {
                return false;
            }
        }));
        Assert.Single(results, won => won);
    }

    [Fact]
    public async Task A_change_of_the_password_or_the_account_ends_what_was_verified_before()
    {
        await users.AddAsync(new("jo", "hash"), None);
        var caller = await CallerAsync();
        foreach (var change in new Func<Task>[]
        {
            () => users.SetPasswordAsync("jo", "other", None),
            () => users.SetEnabledAsync("jo", enabled: false, None),
        })
        {
            await usage.QuotaAsync(caller, None);
            await change();
            await RefusedAsync(StorageFault.CredentialRevoked, () => usage.QuotaAsync(caller, None));
            await users.SetEnabledAsync("jo", enabled: true, None);
            caller = await CallerAsync();
        }
        await RefusedAsync(StorageFault.NotFound, () => users.SetPasswordAsync("nobody", "x", None));
    }

    [Fact]
    public async Task A_revoked_app_password_ends_alone()
    {
        await users.AddAsync(new("jo", "hash"), None);
        var appPasswords = new AppPasswordTable(database);
        byte[] phone = new byte[32], laptop = [1, .. new byte[31]];
        await appPasswords.AddAsync("jo", new("phone", phone), None);
        await appPasswords.AddAsync("jo", new("laptop", laptop), None);
        var own = await CallerAsync();
        var onPhone = (await appPasswords.FindAsync("jo", phone, None))!;
        var onLaptop = (await appPasswords.FindAsync("jo", laptop, None))!;
        await appPasswords.RevokeAsync("jo", "phone", None);
        await RefusedAsync(StorageFault.CredentialRevoked, () => usage.QuotaAsync(onPhone, None));
        await usage.QuotaAsync(onLaptop, None);
        await usage.QuotaAsync(own, None);
    }

    private async Task<Caller> CallerAsync()
    {
        var stored = (await users.FindPasswordAsync("jo", None))!;
        return new(stored.UserId, stored.CredentialStamp);
    }

    [Fact]
    public async Task An_app_password_belongs_to_its_user_alone()
    {
        var table = new AppPasswordTable(database);
        await users.AddAsync(new("jo", "hash") { Email = "jo@x.org" }, None);
        await users.AddAsync(new("al", "hash"), None);
        var (first, second) = (new byte[32], Enumerable.Repeat((byte)1, 32).ToArray());
        var id = await table.AddAsync("jo", new("phone", first), None);
        await table.AddAsync("jo@x.org", new("laptop", second), None);
        Task AddAsync(string user, string label) =>
            table.AddAsync(user, new(label, new byte[32]), None);
        await RefusedAsync(StorageFault.AlreadyExists, () => AddAsync("jo", "phone"));
        await RefusedAsync(StorageFault.InvalidValue, () => AddAsync("jo", ""));
        await RefusedAsync(StorageFault.NotFound, () => AddAsync("nobody", "x"));
        Assert.NotNull(await table.FindAsync("JO", first, None));
        Assert.NotNull(await table.FindAsync("jo@x.org", first, None));
        Assert.Null(await table.FindAsync("al", first, None));

        await table.TouchAsync(id, None);
        Assert.Equal([true, false], (await table.ListAsync("jo", None)).Select(row => row.LastUsedAt is not null));
        await table.RevokeAsync("jo", $"{id}", None);
        await RefusedAsync(StorageFault.NotFound, () => table.RevokeAsync("al", "laptop", None));
        await table.RevokeAsync("jo", "laptop", None);
        Assert.Empty(await table.ListAsync("jo", None));
    }

    [Fact]
    public async Task Of_keys_that_daemons_make_at_once_one_is_kept()
    {
        var keys = new DataProtectionKeyTable(database);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => keys.AddAsync("key", "<key/>", None)));
        Assert.Single(await keys.AllAsync(None));
    }

    [Fact]
    public async Task Searches_kept_at_once_do_not_exceed_their_limit()
    {
        await users.AddAsync(new("jo", "hash"), None);
        var (profiles, caller) = (new SearchProfileTable(database), await CallerAsync());
        for (var i = 2; i < SearchProfileTable.MaxPerUser; i++)
            await profiles.AddAsync(caller, $"search {i}", new(), None);
        var results = await Task.WhenAll(Enumerable.Range(0, 12).Select(async i =>
        {
            try
            {
                return await profiles.AddAsync(caller, $"late {i}", new(), None) > 0;
            }
            catch (StorageException e) when (e.Fault == StorageFault.LimitReached)
            {
                return false;
            }
        }));
        Assert.Equal(2, results.Count(kept => kept));
    }

    [Fact]
    public async Task Attempts_at_once_do_not_exceed_their_limit()
    {
        var failures = new SignInFailures(database);
        var waits = await Task.WhenAll(Enumerable.Range(0, 20).Select(
            _ => failures.CountAttemptAsync("register 1", 5, SignInFailures.Window, None)));
        Assert.Equal(5, waits.Count(wait => wait is null));
        Assert.All(waits.OfType<TimeSpan>(),
            wait => Assert.InRange(wait, TimeSpan.FromSeconds(1), SignInFailures.Window));
    }

    [Fact]
    public async Task Attempts_of_a_day_count_for_a_day()
    {
        var (failures, day) = (new SignInFailures(database), TimeSpan.FromDays(1));
        for (var i = 0; i < 2; i++)
            Assert.Null(await failures.CountAttemptAsync("emails 1", 2, day, None));
        // Removes what is over.
        await failures.CountAsync(["jo@1"], None);
        for (var i = 0; i < 2; i++)
            Assert.InRange((await failures.CountAttemptAsync("emails 1", 2, day, None))!.Value, day / 2, day);
        Assert.Null(await failures.CountAttemptAsync("emails 2", 2, day, None));
    }

    [Fact]
    public async Task Failures_are_counted_by_subject_until_a_success()
    {
        var failures = new SignInFailures(database);
        string[] subjects = ["jo@1", "1"];
        for (var i = 0; i < 3; i++)
        {
            Assert.Null(await failures.WaitAsync(subjects, [3, 10], None));
            await failures.CountAsync(subjects, None);
        }
        Assert.InRange((await failures.WaitAsync(subjects, [3, 10], None))!.Value,
            TimeSpan.FromSeconds(1), SignInFailures.Window);
        Assert.Null(await failures.WaitAsync(["al@1", "1"], [3, 10], None));
        await failures.ForgetAsync("jo@1", None);
        Assert.Null(await failures.WaitAsync(subjects, [3, 10], None));
        Assert.NotNull(await failures.WaitAsync(subjects, [3, 3], None));
    }
}
