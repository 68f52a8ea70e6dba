using Kosha.Storage;
using Kosha.Storage.Tree;
using Xunit;
using static Kosha.Tests.Storage.TestUser;

namespace Kosha.Tests.Storage.Tree;

/// <summary>HTTP's conditions and the lists of WebDAV's If header, judged by the transaction that writes.</summary>
public sealed class ConditionTests(StorageFixture storage) : IClassFixture<StorageFixture>
{
    private static readonly TagCondition Any = new(Any: true, []);

    private static readonly WriteConditions OnlyNew = new() { IfNoneMatch = Any };

    private static WriteConditions Match(params Guid[] tags) => new() { IfMatch = new(Any: false, tags) };

    private static StateTerm Is(Guid token) => new(Not: false, token, null);

    private static StateTerm Not(Guid token) => new(Not: true, token, null);

    private static StateTerm Tagged(Guid etag) => new(Not: false, null, etag);

    private static StateList On(string? path, params StateTerm[] terms) =>
        new(path is null ? null : At(path), IsForeign: false, terms);

    private static StateList Foreign(params StateTerm[] terms) => new(null, IsForeign: true, terms);

    private static WriteConditions If(params StateList[] lists) => new() { StateLists = lists };

    private static Task FailsAsync(Func<Task> work) => RefusedAsync(StorageFault.ConditionFailed, work);

    [Fact]
    public async Task If_match_is_compared_with_what_is_there_now()
    {
        var user = await storage.NewUserAsync();
        var first = (await user.PutAsync("file", "1")).Node;
        var second = (await user.PutAsync("file", "2", Match(first.Etag))).Node;
        await FailsAsync(() => user.PutAsync("file", "3", Match(first.Etag)));
        await FailsAsync(() => user.TrashAsync("file", Match(first.Etag)));
        await FailsAsync(() => user.MoveAsync("file", "new", conditions: Match(first.Etag)));
        await FailsAsync(() => user.CopyAsync("file", "new", conditions: Match(first.Etag)));
        await FailsAsync(() => user.PutAsync("none", "x", Match(first.Etag)));
        await FailsAsync(() => user.PutAsync("none", "x", new() { IfMatch = Any }));
        await user.PutAsync("file", "3", Match(first.Etag, second.Etag));
        await user.PutAsync("file", "4", new() { IfMatch = Any });
        Assert.Equal("4", await user.ReadAsync("file"));
    }

    [Fact]
    public async Task If_none_match_lets_only_new_or_other_content_be_overwritten()
    {
        var user = await storage.NewUserAsync();
        var first = (await user.PutAsync("file", "1", OnlyNew)).Node;
        await FailsAsync(() => user.PutAsync("file", "2", OnlyNew));
        await FailsAsync(() => user.PutAsync("file", "2", new() { IfNoneMatch = new(Any: false, [first.Etag]) }));
        await user.PutAsync("file", "2", new() { IfNoneMatch = new(Any: false, [Guid.NewGuid()]) });
        Assert.Equal("2", await user.ReadAsync("file"));
    }

    [Fact]
    public async Task If_unmodified_since_has_a_precision_of_one_second()
    {
        var user = await storage.NewUserAsync();
        var time = new DateTime(2020, 1, 1, 12, 0, 0, DateTimeKind.Utc);
        await user.PutAsync("file", Body("1"), new FileWrite { ModifiedAt = time.AddMilliseconds(900) });
        await FailsAsync(() => user.PutAsync("file", "2", new() { IfUnmodifiedSince = time.AddSeconds(-1) }));
        await user.PutAsync("file", "2", new() { IfUnmodifiedSince = time });
    }

    [Fact]
    public async Task A_condition_is_judged_again_after_the_body_has_arrived()
    {
        var user = await storage.NewUserAsync();
        var first = (await user.PutAsync("file", "1")).Node;
        var body = new Infrastructure.PatternStream(400_000, 1)
        {
            BeforeRead = position => position == 0 ? user.PutAsync("file", "of another") : Task.CompletedTask,
        };
        await FailsAsync(() => user.PutAsync("file", body, new FileWrite { Conditions = Match(first.Etag) }));
        Assert.Equal("of another", await user.ReadAsync("file"));
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task One_list_must_hold_with_all_its_terms()
    {
        var user = await storage.NewUserAsync();
        var etag = (await user.PutAsync("file", "1")).Node.Etag;
        var (token, none) = (await user.TokenAsync("file"), Guid.NewGuid());
        await CheckAsync(user, true, On(null, Is(token)));
        await CheckAsync(user, true, On(null, Is(token), Tagged(etag)));
        await CheckAsync(user, true, On(null, Is(none)), On(null, Tagged(etag)));
        await CheckAsync(user, true, On(null, Not(none)));
        await CheckAsync(user, false, On(null, Is(none)));
        await CheckAsync(user, false, On(null, Is(token), Tagged(none)));
        await CheckAsync(user, false, On(null, Is(token), Not(token)));
        await CheckAsync(user, false, On(null, new StateTerm(false, null, null)));
        await CheckAsync(user, true, On(null, new StateTerm(true, null, null)));
    }

    [Fact]
    public async Task A_tagged_list_speaks_of_its_own_resource()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("a", "b");
        await user.PutAsync("file", "1");
        var etag = (await user.PutAsync("a/other", "1")).Node.Etag;
        var token = await user.TokenAsync("b", deep: true);
        await CheckAsync(user, true, On("a/other", Tagged(etag)));
        await CheckAsync(user, false, On("file", Tagged(etag)));
        await CheckAsync(user, true, On("b", Is(token)));
        await CheckAsync(user, true, On("b/new", Is(token)));
        await CheckAsync(user, false, On("a", Is(token)));
        await CheckAsync(user, true, On("x/y/z", Not(token)));
        await CheckAsync(user, true, On("a", Is(token)), On("b", Is(token)));
    }

    [Fact]
    public async Task Of_a_foreign_resource_only_a_negated_term_holds()
    {
        var user = await storage.NewUserAsync();
        var etag = (await user.PutAsync("file", "1")).Node.Etag;
        await CheckAsync(user, false, Foreign(Tagged(etag)));
        await CheckAsync(user, true, Foreign(Not(Guid.NewGuid())));
    }

    /// <summary>Reads and writes judge alike.</summary>
    private async Task CheckAsync(TestUser user, bool holds, params StateList[] lists)
    {
        var tokens = (await user.LocksOnAsync("file")).Select(held => held.Token);
        var conditions = If(lists) with { LockTokens = [.. tokens] };
        foreach (var work in (Func<Task>[])[
            () => storage.Tree.CheckAsync(user.Caller, At("file"), conditions, CancellationToken.None),
            () => storage.Tree.ChangePropertiesAsync(
                user.Caller, At("file"), new([], null, null), conditions, CancellationToken.None)])
        {
            if (holds)
                await work();
            else
                await FailsAsync(work);
        }
    }
}
