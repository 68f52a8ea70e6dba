using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>Uploads directly to a real S3 store, by a client that follows the API and nothing else.</summary>
[Collection(WithUploads.Name)]
public sealed class UploadTests(KoshaWithUploads setup) : UploadTest(setup)
{
    private static byte[] Bytes(int size, int seed) => KoshaWithUploads.Bytes(size, seed);

    [Fact]
    public async Task An_upload_becomes_a_file_and_its_staging_object_goes()
    {
        var content = Bytes(300_000, 11);
        var begun = (await Api.BeginAsync("new.bin", content, new
        {
            contentType = "image/png", modified = "2020-02-03T04:05:06Z",
        })).Must(201);
        Assert.Equal(("open", "PUT"), (begun.State, begun.Text("method")));
        Assert.Equal($"/api/uploads/{begun.Id}", begun.Headers.Location!.OriginalString);
        Assert.Equal(Setup.S3.Endpoint!.Port, new Uri(begun.Url).Port);
        (await Files.GetAsync("new.bin")).Must(404);
        Assert.Equal(200, await Api.PutAsync(begun.Body!, content));
        (await Files.GetAsync("new.bin")).Must(404);
        Assert.Single(await Setup.StagedAsync(begun.Id));

        var done = (await Api.CompleteAsync(begun.Id)).Must(200);
        var file = (await Files.GetAsync("new.bin")).Must(200);
        Assert.Equal(content, file.Body);
        Assert.Equal(("completed", file.Etag), (done.State, done.Text("etag")));
        Assert.Equal("image/png", file.Header("Content-Type"));
        Assert.Equal("Mon, 03 Feb 2020 04:05:06 GMT", file.Header("Last-Modified"));
        Assert.Empty(await Setup.StagedAsync(begun.Id));
        Assert.Contains("blobs/" + ApiClient.HashOf(content), await Setup.KeysAsync("blobs/"));
        Assert.Equal(0, await Setup.ReservedAsync(Files));
    }

    [Fact]
    public async Task A_completion_sent_twice_at_once_or_later_gives_one_file()
    {
        var content = Bytes(200_000, 12);
        var begun = (await Api.BeginAsync("once.bin", content)).Must(201);
        Assert.Equal(200, await Api.PutAsync(begun.Body!, content));
        var both = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Api.CompleteAsync(begun.Id)));
        Assert.All(both, answer => Assert.True(answer.Status is 200 or 202, answer.Body?.ToString()));
        await Eventually.TrueAsync("it is a file", async () => (await Api.GetAsync(begun.Id)).State == "completed");
        var etag = (await Files.GetAsync("once.bin")).Must(200).Etag;
        (await Api.CompleteAsync(begun.Id)).Must(200);
        Assert.Equal(etag, (await Files.GetAsync("once.bin")).Must(200).Etag);
        Assert.Equal((0L, 200_000L), (await Setup.ReservedAsync(Files), await UsedAsync()));
    }

    private async Task<long> UsedAsync() => (long)(await Setup.SqlAsync($"""
        select bytes from usage join users u on u.id = user_id where username = '{Files.User.Name}'
        """))!;

    [Fact]
    public async Task A_wrong_body_is_refused_by_the_store_and_never_becomes_a_file()
    {
        var begun = (await Api.BeginAsync("right.bin", Bytes(1000, 13))).Must(201);
        Assert.InRange(await Api.PutAsync(begun.Body!, Bytes(1000, 14)), 400, 499);
        Assert.InRange(await Api.PutAsync(begun.Body!, Bytes(1001, 13)), 400, 499);
        (await Api.CompleteAsync(begun.Id)).MustBe("bytes-missing", 409);
        Assert.EndsWith(":bytes-missing", (string)(await Api.GetAsync(begun.Id)).Body!["problem"]!["type"]!,
            StringComparison.Ordinal);
        Assert.Empty(await Setup.StagedAsync(begun.Id));
        (await Files.GetAsync("right.bin")).Must(404);
        Assert.Equal(200, await Api.PutAsync(begun.Body!, Bytes(1000, 13)));
        (await Api.CompleteAsync(begun.Id)).Must(200);
    }

    /// <summary>MinIO would unpack the body over whatever keys its members name.</summary>
    [Fact]
    public async Task A_url_cannot_be_made_to_unpack_an_archive()
    {
        var content = Bytes(1000, 30);
        var begun = (await Api.BeginAsync("archive.tar", content)).Must(201);
        const string Header = "x-amz-meta-snowball-auto-extract";
        Assert.Equal("false", (string)begun.Body!["headers"]![Header]!);
        begun.Body["headers"]![Header] = "true";
        Assert.InRange(await Api.PutAsync(begun.Body, content), 400, 499);
        begun.Body["headers"]!.AsObject().Remove(Header);
        Assert.InRange(await Api.PutAsync(begun.Body, content), 400, 499);
        Assert.Empty(await Setup.StagedAsync(begun.Id));
    }

    /// <summary>As of a store that binds no bytes to its URLs.</summary>
    [Fact]
    public async Task Other_bytes_under_the_staging_key_end_the_upload()
    {
        var begun = (await Api.BeginAsync("other.bin", Bytes(1000, 15))).Must(201);
        using (var other = new MemoryStream(Bytes(1000, 16)))
            await Setup.Client.PutObjectAsync(new()
            {
                BucketName = Setup.S3.Bucket, InputStream = other,
                Key = Setup.S3.Prefix + await Setup.StagingKeyAsync(begun.Id),
            });
        (await Api.CompleteAsync(begun.Id)).MustBe("digest-mismatch", 422);
        (await Api.CompleteAsync(begun.Id)).MustBe("digest-mismatch", 422);
        Assert.Equal("failed", (await Api.GetAsync(begun.Id)).State);
        (await Files.GetAsync("other.bin")).Must(404);
        Assert.Equal(1000, await Setup.ReservedAsync(Files));
        await Setup.ClearAsync(begun.Id);
        Assert.Equal(0, await Setup.ReservedAsync(Files));
        Assert.Empty(await Setup.StagedAsync(begun.Id));
    }

    [Fact]
    public async Task A_second_put_by_the_same_url_after_completion_changes_nothing()
    {
        var content = Bytes(5000, 17);
        var begun = (await Api.BeginAsync("stays.bin", content)).Must(201);
        Assert.Equal(200, await Api.PutAsync(begun.Body!, content));
        (await Api.CompleteAsync(begun.Id)).Must(200);
        var before = (await Files.GetAsync("stays.bin")).Must(200);
        Assert.Equal(200, await Api.PutAsync(begun.Body!, content));
        Assert.Single(await Setup.StagedAsync(begun.Id));
        Assert.InRange(await Api.PutAsync(begun.Body!, Bytes(5000, 18)), 400, 499);
        var after = (await Files.GetAsync("stays.bin")).Must(200);
        Assert.Equal(before.Etag, after.Etag);
        Assert.Equal(content, after.Body);
        (await Api.CompleteAsync(begun.Id)).Must(200);
        Assert.Equal(before.Etag, (await Files.GetAsync("stays.bin")).Etag);
        // What the late PUT left goes when its URL is over.
        await Setup.ClearAsync(begun.Id);
        Assert.Empty(await Setup.StagedAsync(begun.Id));
    }

    [Fact]
    public async Task Another_users_upload_is_not_there()
    {
        var (otherDrive, other) = await Setup.NewUserAsync();
        using var _ = otherDrive;
        using var __ = other;
        var content = Bytes(3000, 19);
        var begun = (await Api.BeginAsync("mine.bin", content)).Must(201);
        Assert.Equal(200, await Api.PutAsync(begun.Body!, content));
        foreach (var id in new[] { begun.Id, begun.Id + 1_000_000 })
        {
            (await other.GetAsync(id)).MustBe("not-found", 404);
            (await other.SignAsync(id)).MustBe("not-found", 404);
            (await other.CompleteAsync(id)).MustBe("not-found", 404);
            (await other.CancelAsync(id)).MustBe("not-found", 404);
        }
        Assert.Empty((await other.ListAsync()).Must(200).Body!["uploads"]!.AsArray());
        Assert.Equal(begun.Id, (long)Assert.Single((await Api.ListAsync()).Body!["uploads"]!.AsArray())!["id"]!);
        (await otherDrive.GetAsync("mine.bin")).Must(404);
        (await Api.CompleteAsync(begun.Id)).Must(200);
        Assert.Empty((await Api.ListAsync()).Body!["uploads"]!.AsArray());
    }

    [Fact]
    public async Task A_hash_that_somebody_else_owns_gives_no_access_and_no_shortcut()
    {
        var (otherDrive, other) = await Setup.NewUserAsync();
        using var _ = otherDrive;
        using var __ = other;
        var content = Bytes(4000, 20);
        (await otherDrive.PutAsync("secret.bin", content)).Must(201);
        var begun = (await Api.BeginAsync("guess.bin", content)).Must(201);
        // As of a content that nobody has.
        var fresh = (await Api.BeginAsync("fresh.bin", Bytes(4000, 21))).Must(201);
        Assert.Equal(Shape(fresh), Shape(begun));
        (await Api.CompleteAsync(begun.Id)).MustBe("bytes-missing", 409);
        (await Files.GetAsync("guess.bin")).Must(404);
        // The owner needs to send nothing.
        var again = (await other.BeginAsync("again.bin", content)).Must(201);
        Assert.Equal("completed", again.State);
        Assert.Null(again.Text("url"));
        Assert.Equal(content, (await otherDrive.GetAsync("again.bin")).Must(200).Body);
        (await other.CompleteAsync(again.Id)).Must(200);

        static string Shape(ApiAnswer answer) => string.Join(
            ',', answer.Body!.AsObject().Select(pair => pair.Key).Append(answer.State));
    }

    [Fact]
    public async Task The_same_file_by_two_users_over_WebDAV_and_once_directly_is_one_object()
    {
        var (otherDrive, other) = await Setup.NewUserAsync();
        var (thirdDrive, third) = await Setup.NewUserAsync();
        using var _ = otherDrive;
        using var __ = thirdDrive;
        using var ___ = other;
        using var ____ = third;
        var content = Bytes(250_000, 22);
        (await Files.PutAsync("one.bin", content)).Must(201);
        (await otherDrive.PutAsync("two.bin", content)).Must(201);
        await third.UploadAsync("three.bin", content);
        Assert.Equal(content, (await thirdDrive.GetAsync("three.bin")).Must(200).Body);
        var hash = ApiClient.HashOf(content);
        Assert.Equal(["blobs/" + hash], await Setup.KeysAsync("blobs/" + hash));
        using var stored = await Setup.Client.GetObjectAsync(Setup.S3.Bucket, $"{Setup.S3.Prefix}blobs/{hash}");
        Assert.Equal(hash, Convert.ToHexStringLower(
            await System.Security.Cryptography.SHA256.HashDataAsync(stored.ResponseStream)));
    }

    [Fact]
    public async Task An_empty_file_needs_no_bytes()
    {
        var begun = (await Api.BeginAsync("empty", [])).Must(201);
        Assert.Equal("completed", begun.State);
        Assert.Empty((await Files.GetAsync("empty")).Must(200).Body);
        (await Api.BeginAsync("liar", 0, ApiClient.HashOf([1]))).MustBe("digest-mismatch", 422);
    }

    [Fact]
    public async Task A_parent_that_is_gone_leaves_the_bytes_until_it_is_back()
    {
        var content = Bytes(2000, 23);
        (await Api.BeginAsync("file", content, new { parent = "/folder" })).MustBe("parent-missing", 409);
        (await Files.MkcolAsync("folder")).Must(201);
        var begun = (await Api.BeginAsync("file", content, new { parent = "/folder" })).Must(201);
        Assert.Equal(200, await Api.PutAsync(begun.Body!, content));
        (await Files.DeleteAsync("folder")).Must(204);
        (await Api.CompleteAsync(begun.Id)).MustBe("parent-missing", 409);
        Assert.Single(await Setup.StagedAsync(begun.Id));
        Assert.Equal("open", (await Api.GetAsync(begun.Id)).State);
        (await Files.MkcolAsync("folder")).Must(201);
        (await Api.CompleteAsync(begun.Id)).Must(200);
        Assert.Equal(content, (await Files.GetAsync("folder/file")).Must(200).Body);
    }

    [Fact]
    public async Task Over_a_file_it_follows_the_rules_of_PUT()
    {
        var (first, second) = (Bytes(100, 24), Bytes(120, 25));
        var etag = (await Files.PutAsync("file", first)).Must(201).Etag;
        (await Api.BeginAsync("file", second, new { ifNoneMatch = "*" })).MustBe("condition-failed", 412);
        (await Api.BeginAsync("file", second, new { ifMatch = "\"00000000000000000000000000000000\"" }))
            .MustBe("condition-failed", 412);
        var begun = (await Api.BeginAsync("file", second, new { ifMatch = etag })).Must(201);
        Assert.Equal(120, await Setup.ReservedAsync(Files));
        Assert.Equal(200, await Api.PutAsync(begun.Body!, second));
        var token = await Files.LockAsync("file");
        (await Api.BeginAsync("file", first)).MustBe("locked", 423);
        (await Api.CompleteAsync(begun.Id)).MustBe("locked", 423);
        (await Api.CompleteAsync(begun.Id, new { lockTokens = new[] { token } })).Must(200);
        Assert.Equal(second, (await Files.GetAsync("file")).Must(200).Body);
        (await Files.UnlockAsync("file", token)).Must(204);
        var third = (await Api.BeginAsync("file", Bytes(130, 26), new
        {
            ifMatch = (await Files.GetAsync("file")).Etag,
        })).Must(201);
        Assert.Equal(200, await Api.PutAsync(third.Body!, Bytes(130, 26)));
        (await Files.PutAsync("file", "meanwhile")).Must(204);
        (await Api.CompleteAsync(third.Id)).MustBe("condition-failed", 412);
        Assert.Equal("meanwhile", (await Files.GetAsync("file")).Text);
        (await Files.MkcolAsync("folder")).Must(201);
        (await Api.BeginAsync("folder", first)).MustBe("wrong-kind", 409);
    }

    [Fact]
    public async Task New_urls_are_given_for_all_of_it()
    {
        var content = Bytes(100, 38);
        var begun = (await Api.BeginAsync("again", content)).Must(201);
        (await Api.SignAsync(begun.Id, 1)).MustBe("invalid-value", 400);
        var none = System.Text.Json.Nodes.JsonNode.Parse("{\"numbers\": []}");
        foreach (var body in new[] { null, none })
        {
            var signed = (await Api.SendAsync(HttpMethod.Post, $"uploads/{begun.Id}/parts", body)).Must(200);
            Assert.Equal(200, await Api.PutAsync(signed.Body!, content));
        }
        (await Api.CompleteAsync(begun.Id)).Must(200);
    }

    [Fact]
    public async Task A_completion_that_nobody_waits_for_can_be_asked_for()
    {
        var content = Bytes(400_000, 27);
        var begun = (await Api.BeginAsync("later.bin", content)).Must(201);
        Assert.Equal(200, await Api.PutAsync(begun.Body!, content));
        var answer = await Api.CompleteAsync(begun.Id, null, ("Prefer", "respond-async"));
        Assert.True(answer.Status is 200 or 202, answer.Body?.ToString());
        await Eventually.TrueAsync("it is a file", async () => (await Api.GetAsync(begun.Id)).State == "completed");
        Assert.Equal(content, (await Files.GetAsync("later.bin")).Must(200).Body);
    }

    [Fact]
    public async Task No_signed_url_stands_in_a_log()
    {
        var begun = (await Api.BeginAsync("quiet.bin", Bytes(10, 28))).Must(201);
        await Api.PutAsync(begun.Body!, Bytes(10, 29));
        Assert.DoesNotContain("X-Amz-Signature", Setup.Kosha.Output, StringComparison.OrdinalIgnoreCase);
        Assert.Equal("no-store", begun.Headers.CacheControl!.ToString());
    }
}
