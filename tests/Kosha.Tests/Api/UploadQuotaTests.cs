using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>What uploads reserve, and when it is given back.</summary>
[Collection(WithUploads.Name)]
public sealed class UploadQuotaTests(KoshaWithUploads setup)
{
    private static byte[] Bytes(int size, int seed) => KoshaWithUploads.Bytes(size, seed);

    [Fact]
    public async Task Of_two_uploads_at_the_edge_of_the_quota_exactly_one_gets_a_url()
    {
        for (var round = 0; round < 5; round++)
        {
            var (drive, api) = await setup.NewUserAsync(maxBytes: 10_000);
            using var _ = drive;
            using var __ = api;
            // So that both find the connection and the credential ready.
            (await api.ListAsync()).Must(200);
            var both = await Task.WhenAll(
                api.BeginAsync("one", Bytes(6000, 41)), api.BeginAsync("two", Bytes(6000, 42)));
            var refused = Assert.Single(both, answer => answer.Status != 201);
            refused.MustBe("quota-exceeded", 507);
            Assert.Null(refused.Text("url"));
            Assert.NotNull(Assert.Single(both, answer => answer.Status == 201).Text("url"));
        }
    }

    [Fact]
    public async Task What_is_reserved_is_taken_for_everybody_else_and_settled_exactly()
    {
        var (drive, api) = await setup.NewUserAsync(maxBytes: 10_000);
        using var _ = drive;
        using var __ = api;
        var content = Bytes(6000, 43);
        var begun = (await api.BeginAsync("file", content)).Must(201);
        Assert.Equal((6000, 4000), await QuotaAsync(drive));
        (await drive.PutAsync("large", new byte[4001])).Must(507);
        (await drive.PutAsync("small", new byte[4000])).Must(201);
        Assert.Equal((10_000, 0), await QuotaAsync(drive));
        (await api.BeginAsync("more", Bytes(1, 44))).MustBe("quota-exceeded", 507);
        Assert.Equal(200, await api.PutAsync(begun.Body!, content));
        (await api.CompleteAsync(begun.Id)).Must(200);
        Assert.Equal((10_000, 0), await QuotaAsync(drive));
        // Over a file, too, all of it is reserved: until the completion both lie in the store.
        (await api.BeginAsync("file", Bytes(4001, 45))).MustBe("quota-exceeded", 507);
        (await drive.DeleteAsync("small")).Must(204);
        (await api.BeginAsync("file", Bytes(4001, 45))).MustBe("quota-exceeded", 507);
        await setup.SqlAsync($"update plans set max_bytes = 20000 where name = '{drive.User.Name}'");
        var over = (await api.BeginAsync("file", Bytes(4001, 45))).Must(201);
        Assert.Equal((14_001, 5999), await QuotaAsync(drive));
        Assert.Equal(200, await api.PutAsync(over.Body!, Bytes(4001, 45)));
        (await api.CompleteAsync(over.Id)).Must(200);
        Assert.Equal((8001, 11_999), await QuotaAsync(drive));
        Assert.Equal(0, await setup.ReservedAsync(drive));
        (await setup.Kosha.CommandAsync("fsck")).MustSucceed();
    }

    private static async Task<(long Used, long Available)> QuotaAsync(DavClient drive)
    {
        const string Body = """
            <D:propfind xmlns:D="DAV:"><D:prop><D:quota-used-bytes/><D:quota-available-bytes/></D:prop></D:propfind>
            """;
        var found = (await drive.PropfindAsync("", "0", Body)).Must(207).Multistatus.Single;
        return (long.Parse(found.Value(Multistatus.Dav + "quota-used-bytes")!, null),
            long.Parse(found.Value(Multistatus.Dav + "quota-available-bytes")!, null));
    }

    [Fact]
    public async Task A_reservation_is_given_back_when_its_url_is_over_and_its_bytes_are_gone()
    {
        var (drive, api) = await setup.NewUserAsync(maxBytes: 10_000);
        using var _ = drive;
        using var __ = api;
        var cancelled = (await api.BeginAsync("file", Bytes(6000, 46))).Must(201);
        Assert.Equal(200, await api.PutAsync(cancelled.Body!, Bytes(6000, 46)));
        (await api.CancelAsync(cancelled.Id)).Must(204);
        (await setup.Kosha.CommandAsync("job", "run", "upload-expiry")).MustSucceed();
        // The URL still holds.
        Assert.Equal(6000, await setup.ReservedAsync(drive));
        Assert.Single(await setup.StagedAsync(cancelled.Id));
        await setup.ClearAsync(cancelled.Id);
        Assert.Equal(0, await setup.ReservedAsync(drive));
        Assert.Empty(await setup.StagedAsync(cancelled.Id));

        var expired = (await api.BeginAsync("file", Bytes(6000, 46))).Must(201);
        await setup.SqlAsync($"update uploads set expires_at = now() where id = {expired.Id}");
        (await api.CompleteAsync(expired.Id)).MustBe("upload-over", 410);
        Assert.Equal("expired", (await api.GetAsync(expired.Id)).State);
        await setup.ClearAsync(expired.Id);
        Assert.Equal(0, await setup.ReservedAsync(drive));
        // A PUT that ends after all that is found by a reconcile, and nothing else is.
        var open = (await api.BeginAsync("open", Bytes(500, 47))).Must(201);
        Assert.Equal(200, await api.PutAsync(open.Body!, Bytes(500, 47)));
        Assert.Equal(200, await api.PutAsync(expired.Body!, Bytes(6000, 46)));
        Assert.Single(await setup.StagedAsync(expired.Id));
        (await setup.Kosha.CommandAsync("blobs", "reconcile", "--grace-hours", "0")).MustSucceed();
        Assert.Empty(await setup.StagedAsync(expired.Id));
        (await api.CompleteAsync(open.Id)).Must(200);
    }

    [Fact]
    public async Task Open_uploads_of_a_user_are_limited()
    {
        var (drive, api) = await setup.NewUserAsync();
        using var _ = drive;
        using var __ = api;
        await setup.SqlAsync($"""
            insert into uploads (user_id, path, size, sha256, is_direct, reserved_bytes, urls_expire_at, expires_at)
            select u.id, 'a', 0, sha256('a'), true, 0, now() + interval '1 day', now() + interval '1 day'
            from users u cross join generate_series(1, 99) where username = '{drive.User.Name}'
            """);
        var last = (await api.BeginAsync("last", Bytes(10, 48))).Must(201);
        (await api.BeginAsync("more", Bytes(10, 49))).MustBe("limit-reached", 429);
        (await api.CancelAsync(last.Id)).Must(204);
        (await api.BeginAsync("more", Bytes(10, 49))).MustBe("limit-reached", 429);
        await setup.ClearAsync(last.Id);
        (await api.BeginAsync("more", Bytes(10, 49))).Must(201);
    }

    [Fact]
    public async Task A_content_that_the_user_has_is_too_large_before_it_is_too_much()
    {
        var (drive, api) = await setup.NewUserAsync(maxBytes: 10_000);
        using var _ = drive;
        using var __ = api;
        (await drive.PutAsync("there", Bytes(6000, 50))).Must(201);
        (await api.BeginAsync("again", Bytes(6000, 50))).MustBe("quota-exceeded", 507);
        await setup.SqlAsync($"update plans set max_file_bytes = 5000 where name = '{drive.User.Name}'");
        (await api.BeginAsync("again", Bytes(6000, 50))).MustBe("file-too-large", 413);
    }
}
