using System.Security.Cryptography;
using Kosha.Storage.Uploads;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Uploads;

/// <summary>Reservations beside writes of every other kind, under concurrency.</summary>
public sealed class ReservationTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private const int Writers = 8;

    private static readonly CancellationToken None = CancellationToken.None;

    private DirectUploads Uploads => field ??= Storage.UploadsOn(Storage.Store, new(1000));

    private static NewUpload Wish(string path, byte[] content) =>
        new(TestUser.At(path), content.Length, new(SHA256.HashData(content)));

    private async Task<Upload> BeginAsync(TestUser user, string path, byte[] content)
    {
        var begun = (await Uploads.BeginAsync(user.Caller, Wish(path, content), None)).Upload;
        await Uploads.ReceiveAsync(begun.Id, 0, new MemoryStream(content), content.Length, None);
        return begun;
    }

    private async Task FinishAsync(TestUser user, Upload upload)
    {
        var taken = await Uploads.TakeAsync(user.Caller, upload.Id, None);
        await Uploads.FinishAsync(user.Caller, taken!, [], TimeProvider.System, None);
    }

    [Fact]
    public async Task Whatever_is_written_at_once_the_plan_holds_and_the_sums_are_true()
    {
        const int Plan = 20_000;
        var user = await Storage.NewUserAsync(maxBytes: Plan);
        var refused = 0;
        await Parallel.ForEachAsync(Enumerable.Range(0, TestSize.Pick(60, 2000)),
            new ParallelOptions { MaxDegreeOfParallelism = Writers }, async (number, _) =>
            {
                var content = RandomNumberGenerator.GetBytes(500 + (number % 7 * 300));
                try
                {
                    await WriteAsync(user, number, content);
                }
                catch (Kosha.Storage.StorageException e) when (
                    e.Fault is Kosha.Storage.StorageFault.QuotaExceeded)
                {
                    Interlocked.Increment(ref refused);
                }
                Assert.InRange((await Storage.Usage.QuotaAsync(user.Caller, None)).UsedBytes, 0, Plan);
            });
        Assert.InRange(refused, 1, int.MaxValue);
        await ExpireAsync();
        Assert.Equal(0, await Storage.SqlAsync<long>($"select sum(reserved_bytes)::bigint from usage"));
        await Storage.AssertCleanAsync();
    }

    /// <summary>A completed upload, a cancelled one, or a PUT; over one of a few names.</summary>
    private async Task WriteAsync(TestUser user, int number, byte[] content)
    {
        var path = $"file {number % 11}";
        if (number % 3 == 0)
        {
            await user.PutAsync(path, new MemoryStream(content), new());
            return;
        }
        var begun = await BeginAsync(user, path, content);
        if (number % 3 == 1)
            await FinishAsync(user, begun);
        else
            await Uploads.CancelAsync(user.Caller, begun.Id, None);
    }

    [Fact]
    public async Task Fsck_counts_reservations_and_a_repair_mends_them()
    {
        await BeginAsync(User, "file", RandomNumberGenerator.GetBytes(700));
        await Storage.AssertCleanAsync();
        await Storage.ExecuteAsync("update usage set reserved_bytes = 5");
        Assert.False((await Storage.FsckAsync()).Clean);
        Assert.True((await Storage.FsckAsync(repair: true)).Clean);
        Assert.Equal(700, await Storage.SqlAsync<long>(
            $"select reserved_bytes from usage where user_id = {User.Caller.UserId}"));
    }

    [Fact]
    public async Task A_credential_that_was_revoked_does_nothing_more()
    {
        var begun = await BeginAsync(User, "file", RandomNumberGenerator.GetBytes(700));
        var taken = (await Uploads.TakeAsync(User.Caller, begun.Id, None))!;
        await User.ChangeStampAsync();
        const Kosha.Storage.StorageFault Revoked = Kosha.Storage.StorageFault.CredentialRevoked;
        await TestUser.RefusedAsync(Revoked,
            () => Uploads.FinishAsync(User.Caller, taken, [], TimeProvider.System, None));
        await TestUser.RefusedAsync(Revoked, () => Uploads.GetAsync(User.Caller, begun.Id, None));
        await TestUser.RefusedAsync(Revoked, () => Uploads.OpenAsync(User.Caller, None));
        await TestUser.RefusedAsync(Revoked, () => Uploads.CancelAsync(User.Caller, begun.Id, None));
        await TestUser.RefusedAsync(Revoked, () => Uploads.SignAsync(User.Caller, begun.Id, null, None));
        await TestUser.RefusedAsync(Revoked,
            () => Uploads.BeginAsync(User.Caller, Wish("other", [1]), None));
    }

    [Fact]
    public async Task Bytes_that_come_after_the_end_are_not_kept()
    {
        var content = RandomNumberGenerator.GetBytes(700);
        var begun = (await Uploads.BeginAsync(User.Caller, Wish("file", content), None)).Upload;
        var store = new MeddlingStore(Storage.Store)
        {
            AfterPut = _ => Uploads.CancelAsync(User.Caller, begun.Id, None),
        };
        using var late = Storage.UploadsOn(store);
        await TestUser.RefusedAsync(Kosha.Storage.StorageFault.NotFound,
            () => late.ReceiveAsync(begun.Id, 0, new MemoryStream(content), null, None));
        Assert.Null(await Storage.Store.FindSizeAsync(KeyOf(begun), None));
    }

    [Fact]
    public async Task Bytes_that_come_again_while_they_are_verified_stay()
    {
        var content = RandomNumberGenerator.GetBytes(700);
        var begun = await BeginAsync(User, "file", content);
        TakenUpload? taken = null;
        var store = new MeddlingStore(Storage.Store)
        {
            AfterPut = async _ => taken = await Uploads.TakeAsync(User.Caller, begun.Id, None),
        };
        using var again = Storage.UploadsOn(store);
        await TestUser.RefusedAsync(Kosha.Storage.StorageFault.NotFound,
            () => again.ReceiveAsync(begun.Id, 0, new MemoryStream(content), null, None));
        await Uploads.FinishAsync(User.Caller, taken!, [], TimeProvider.System, None);
        Assert.Equal(700, (await User.GetAsync("file")).Size);
    }

    private static string KeyOf(Upload upload) => $"uploads/{upload.UserId}/{upload.Id}";

    private Task<UploadExpiryResult> ExpireAsync() =>
        new UploadExpiry(Storage.Database, Storage.Store).RunAsync(TimeSpan.FromMinutes(-10), None);

    [Fact]
    public async Task What_a_put_leaves_after_the_end_goes_in_the_next_run()
    {
        var content = RandomNumberGenerator.GetBytes(700);
        var cancelled = await BeginAsync(User, "file", content);
        await Uploads.CancelAsync(User.Caller, cancelled.Id, None);
        Assert.Equal(1, (await ExpireAsync()).Cleared);
        var open = await BeginAsync(User, "file", content);
        await PutLateAsync(KeyOf(cancelled));
        Assert.Equal((0, 1), (await ExpireAsync() is var run ? run.Cleared : 0, run.Late));
        Assert.Null(await Storage.Store.FindSizeAsync(KeyOf(cancelled), None));
        Assert.Equal(700, await Storage.Store.FindSizeAsync(KeyOf(open), None));
    }

    private async Task PutLateAsync(string key)
    {
        await using var late = await Storage.Spools.ReceiveAsync(
            TestUser.Body("late"), null, null, () => new(default, ""), None);
        await Storage.Store.PutAsync(key, late, None);
    }

    /// <summary>Where a store does not let itself be listed, nothing else finds them; here they are young.</summary>
    [Fact]
    public async Task What_came_late_goes_with_the_row_at_the_latest()
    {
        var cancelled = await BeginAsync(User, "file", RandomNumberGenerator.GetBytes(700));
        await Uploads.CancelAsync(User.Caller, cancelled.Id, None);
        Assert.Equal(1, (await ExpireAsync()).Cleared);
        await Storage.ExecuteAsync("update uploads set is_direct = true, ended_at = now() - interval '2 days'");
        await PutLateAsync(KeyOf(cancelled));
        await new UploadExpiry(Storage.Database, Storage.Store).RunAsync(TimeSpan.FromDays(1), None);
        Assert.Null(await Storage.Store.FindSizeAsync(KeyOf(cancelled), None));
        Assert.Equal(0, await Storage.SqlAsync<long>("select count(*) from uploads"));
    }

    [Fact]
    public async Task What_another_program_keeps_under_such_a_key_stays()
    {
        var mine = await BeginAsync(User, "file", RandomNumberGenerator.GetBytes(700));
        string[] theirs = [$"uploads/{User.Caller.UserId}/{mine.Id + 1000}", $"uploads/999999/{mine.Id}"];
        foreach (var key in theirs)
            await PutLateAsync(key);
        Assert.Equal(0, (await ExpireAsync()).Late);
        Assert.Equal(0, (await Storage.ReconcileAsync()).Late);
        foreach (var key in theirs)
            Assert.Equal(4, await Storage.Store.FindSizeAsync(key, None));
    }

    [Fact]
    public async Task A_repair_waits_for_nobody_and_a_reservation_is_given_back_after_it()
    {
        var cancelled = await BeginAsync(User, "file", RandomNumberGenerator.GetBytes(700));
        await Uploads.CancelAsync(User.Caller, cancelled.Id, None);
        Task<UploadExpiryResult> expiry;
        await using (var repair = await Storage.Database.Source.OpenConnectionAsync(None))
        {
            await using var transaction = await repair.BeginTransactionAsync(None);
            await using var turn = repair.CreateCommand();
            turn.CommandText = $"select pg_advisory_xact_lock({User.Caller.UserId})";
            await turn.ExecuteNonQueryAsync(None);
            expiry = ExpireAsync();
            await Eventually.TrueAsync("the expiry waits", () => Storage.SqlAsync<bool>(
                "select exists (select from pg_locks where locktype = 'advisory' and not granted)"));
            Assert.Equal(700, await Storage.SqlAsync<long>("select sum(reserved_bytes)::bigint from uploads"));
        }
        Assert.Equal(1, (await expiry).Cleared);
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_joined_copy_gives_no_id_again()
    {
        var before = await BeginAsync(User, "file", RandomNumberGenerator.GetBytes(700));
        await Storage.Installation.AdoptAsync(Storage.Store, None);
        var after = await BeginAsync(User, "other", RandomNumberGenerator.GetBytes(700));
        Assert.InRange(after.Id, before.Id + 1_000_000_000, long.MaxValue);
    }

    [Fact]
    public async Task Many_rows_of_what_is_over_are_forgotten()
    {
        await Storage.ExecuteAsync($"""
            insert into uploads (user_id, path, size, sha256, is_direct, reserved_bytes, state, urls_expire_at,
                expires_at, ended_at, cleared_at)
            select {User.Caller.UserId}, 'a', 0, sha256('a'), false, 0, 'completed', now(), now(), now(), now()
            from generate_series(1, 10100)
            """);
        await ExpireAsync();
        Assert.Equal(10_000, await Storage.SqlAsync<long>("select count(*) from uploads"));
    }

    [Fact]
    public async Task What_would_be_refused_is_refused_before_its_bytes_are_read()
    {
        var reads = 0;
        var store = new MeddlingStore(Storage.Store)
        {
            BeforeOpen = _ =>
            {
                reads++;
                return Task.CompletedTask;
            },
        };
        using var uploads = Storage.UploadsOn(store, new(10) { MinPartBytes = 100 });
        var content = RandomNumberGenerator.GetBytes(250);
        var wish = Wish("file", content) with { PartBytes = 100 };
        var begun = (await uploads.BeginAsync(User.Caller, wish, None)).Upload;
        for (var part = 1; part <= 3; part++)
        {
            var bytes = content[((part - 1) * 100)..Math.Min(part * 100, 250)];
            await uploads.ReceiveAsync(begun.Id, part, new MemoryStream(bytes), null, None);
        }
        var token = await User.TokenAsync("file");
        await TestUser.RefusedAsync(Kosha.Storage.StorageFault.Locked, () => CompleteAsync());
        Assert.Equal(0, reads);
        await CompleteAsync(token);
        Assert.Equal(3, reads);
        Assert.Equal(250, (await User.GetAsync("file")).Size);

        async Task CompleteAsync(params Guid[] tokens) => await uploads.FinishAsync(
            User.Caller, (await uploads.TakeAsync(User.Caller, begun.Id, None))!, tokens, TimeProvider.System, None);
    }

    [Fact]
    public async Task Whatever_breaks_a_completion_off_stands_in_its_row()
    {
        var store = new MeddlingStore(Storage.Store) { AfterCopy = () => throw new InvalidCastException() };
        using var uploads = Storage.UploadsOn(store);
        var begun = await BeginAsync(User, "file", RandomNumberGenerator.GetBytes(700));
        var taken = (await uploads.TakeAsync(User.Caller, begun.Id, None))!;
        await Assert.ThrowsAsync<InvalidCastException>(
            () => uploads.FinishAsync(User.Caller, taken, [], TimeProvider.System, None));
        var after = await uploads.GetAsync(User.Caller, begun.Id, None);
        Assert.Equal(
            (UploadState.Open, Kosha.Storage.StorageFault.Unavailable), (after.State, after.Fault));
        await FinishAsync(User, begun);
    }

    [Fact]
    public async Task A_reservation_of_which_nobody_hears_is_cancelled()
    {
        var store = new MeddlingStore(Storage.Store)
        {
            Direct = Kosha.Storage.Blobs.DirectPuts.Bound,
            BeforeSign = () => throw new Kosha.Storage.StorageException(
                Kosha.Storage.StorageFault.Unavailable, "Nothing can be signed."),
        };
        using var uploads = Storage.UploadsOn(store);
        await TestUser.RefusedAsync(Kosha.Storage.StorageFault.Unavailable,
            () => uploads.BeginAsync(User.Caller, Wish("file", [1, 2, 3]), None));
        Assert.Equal("cancelled", await Storage.SqlAsync<string>("select state from uploads"));
    }

    public override async ValueTask DisposeAsync()
    {
        Uploads.Dispose();
        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
