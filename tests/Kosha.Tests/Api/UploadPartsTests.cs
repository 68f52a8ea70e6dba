using System.Text.Json.Nodes;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>Uploads in parts directly to a real S3 store.</summary>
[Collection(WithUploads.Name)]
public sealed class UploadPartsTests(KoshaWithUploads setup) : UploadTest(setup)
{
    private const int PartBytes = 5 << 20;
    private const int Size = (2 * PartBytes) + 1000;

    private Task<ApiAnswer> BeginAsync(string name, byte[] content) =>
        Api.BeginAsync(name, content, new { partBytes = PartBytes });

    private static JsonNode Part(ApiAnswer answer, int number) =>
        answer.Body!["parts"]!.AsArray().Single(part => (int)part!["number"]! == number)!;

    /// <summary>The numbers of the parts for which there are URLs.</summary>
    private static string Signed(ApiAnswer answer) =>
        string.Join(' ', answer.Body!["parts"]!.AsArray().Select(part => (int)part!["number"]!));

    private static byte[] Slice(byte[] content, int number) =>
        content[((number - 1) * PartBytes)..Math.Min(number * PartBytes, content.Length)];

    private Task<int> PutAsync(ApiAnswer answer, int number, byte[] content) =>
        Api.PutAsync(Part(answer, number), Slice(content, number));

    [Fact]
    public async Task An_interrupted_upload_goes_on_with_the_parts_that_are_missing()
    {
        var content = KoshaWithUploads.Bytes(Size, 31);
        var begun = (await BeginAsync("parts.bin", content)).Must(201);
        Assert.Equal("1 2 3", Signed(begun));
        Assert.Equal(1000, (long)Part(begun, 3)["size"]!);
        Assert.Equal(200, await PutAsync(begun, 2, content));
        // A part of another size is none.
        Assert.InRange(await Api.PutAsync(Part(begun, 1), Slice(content, 1)[..^1]), 400, 499);
        (await Api.CompleteAsync(begun.Id)).MustBe("bytes-missing", 409);

        Assert.Equal(2, Assert.Single((await Api.GetAsync(begun.Id)).Must(200).Numbers("partsThere")));
        var signed = (await Api.SignAsync(begun.Id)).Must(200);
        Assert.Equal("1 3", Signed(signed));
        Assert.Equal("3", Signed((await Api.SignAsync(begun.Id, 3)).Must(200)));
        (await Api.SignAsync(begun.Id, 4)).MustBe("invalid-value", 400);
        foreach (var number in new[] { 1, 3 })
            Assert.Equal(200, await PutAsync(signed, number, content));
        (await Api.CompleteAsync(begun.Id)).Must(200);
        Assert.Equal(content, (await Files.GetAsync("parts.bin")).Must(200).Body);
        var hash = ApiClient.HashOf(content);
        Assert.Equal(["blobs/" + hash], await Setup.KeysAsync("blobs/" + hash));
        Assert.Empty(await Setup.StagedAsync(begun.Id));
        // The URLs of the parts lead nowhere any more.
        Assert.InRange(await PutAsync(begun, 1, content), 400, 499);
    }

    /// <summary>As when the daemon dies just after it has joined them.</summary>
    [Fact]
    public async Task Parts_that_are_joined_already_are_all_there()
    {
        var content = KoshaWithUploads.Bytes(Size, 36);
        var begun = (await BeginAsync("joined.bin", content)).Must(201);
        foreach (var number in new[] { 1, 2, 3 })
            Assert.Equal(200, await PutAsync(begun, number, content));
        var key = Setup.S3.Prefix + await Setup.StagingKeyAsync(begun.Id);
        var upload = (string)(await Setup.SqlAsync($"select multipart_id from uploads where id = {begun.Id}"))!;
        var parts = await Setup.Client.ListPartsAsync(Setup.S3.Bucket, key, upload);
        await Setup.Client.CompleteMultipartUploadAsync(new()
        {
            BucketName = Setup.S3.Bucket, Key = key, UploadId = upload,
            PartETags = [.. parts.Parts.Select(part => new Amazon.S3.Model.PartETag(part.PartNumber ?? 0, part.ETag))],
        });
        var joined = (await Api.GetAsync(begun.Id)).Must(200);
        Assert.Equal([1, 2, 3], joined.Numbers("partsThere"));
        Assert.Equal("", Signed((await Api.SignAsync(begun.Id)).Must(200)));
        (await Api.CompleteAsync(begun.Id)).Must(200);
        Assert.Equal(content, (await Files.GetAsync("joined.bin")).Must(200).Body);
    }

    [Fact]
    public async Task Requests_for_urls_at_once_begin_one_upload_in_the_store()
    {
        var content = KoshaWithUploads.Bytes(Size, 37);
        var begun = (await BeginAsync("once.bin", content)).Must(201);
        var key = Setup.S3.Prefix + await Setup.StagingKeyAsync(begun.Id);
        foreach (var first in await MultipartsAsync(key))
            await Setup.Client.AbortMultipartUploadAsync(Setup.S3.Bucket, key, first);
        await Setup.SqlAsync($"update uploads set multipart_id = null where id = {begun.Id}");
        var signed = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Api.SignAsync(begun.Id)));
        Assert.All(signed, answer => Assert.Equal("1 2 3", Signed(answer.Must(200))));
        Assert.Equal(
            await Setup.SqlAsync($"select multipart_id from uploads where id = {begun.Id}"),
            Assert.Single(await MultipartsAsync(key)));
        Assert.All(signed, answer => Assert.Equal(Query(signed[0]), Query(answer)));

        static string? Query(ApiAnswer answer) => System.Web.HttpUtility.ParseQueryString(
            new Uri((string)Part(answer, 1)["url"]!).Query)["uploadId"];
    }

    private async Task<string[]> MultipartsAsync(string key)
    {
        var found = await Setup.Client.ListMultipartUploadsAsync(new Amazon.S3.Model.ListMultipartUploadsRequest
        {
            BucketName = Setup.S3.Bucket, Prefix = key,
        });
        return [.. (found.MultipartUploads ?? []).Where(upload => upload.Key == key).Select(upload => upload.UploadId)];
    }

    [Fact]
    public async Task Parts_that_were_refused_become_a_file_later()
    {
        var content = KoshaWithUploads.Bytes(Size, 35);
        (await Files.MkcolAsync("folder")).Must(201);
        var more = new { parent = "/folder", partBytes = PartBytes };
        var begun = (await Api.BeginAsync("file", content, more)).Must(201);
        foreach (var number in new[] { 1, 2, 3 })
            Assert.Equal(200, await PutAsync(begun, number, content));
        (await Files.DeleteAsync("folder")).Must(204);
        (await Api.CompleteAsync(begun.Id)).MustBe("parent-missing", 409);
        (await Files.MkcolAsync("folder")).Must(201);
        (await Api.CompleteAsync(begun.Id)).Must(200);
        Assert.Equal(content, (await Files.GetAsync("folder/file")).Must(200).Body);
    }

    [Fact]
    public async Task Other_bytes_in_a_part_end_the_upload_and_poison_nothing()
    {
        var content = KoshaWithUploads.Bytes(Size, 32);
        var begun = (await BeginAsync("wrong.bin", content)).Must(201);
        foreach (var number in new[] { 1, 2, 3 })
            Assert.Equal(200, await PutAsync(begun, number, number == 2 ? KoshaWithUploads.Bytes(Size, 33) : content));
        (await Api.CompleteAsync(begun.Id)).MustBe("digest-mismatch", 422);
        (await Files.GetAsync("wrong.bin")).Must(404);
        Assert.Empty(await Setup.KeysAsync("blobs/" + ApiClient.HashOf(content)));
        await Setup.ClearAsync(begun.Id);
        Assert.Empty(await Setup.StagedAsync(begun.Id));
        Assert.Equal(0, await Setup.ReservedAsync(Files));
    }

    [Fact]
    public async Task Parts_of_a_cancelled_upload_are_given_up_with_its_reservation()
    {
        var content = KoshaWithUploads.Bytes(Size, 34);
        var begun = (await BeginAsync("gone.bin", content)).Must(201);
        Assert.Equal(200, await PutAsync(begun, 1, content));
        (await Api.CancelAsync(begun.Id)).Must(204);
        (await Api.CancelAsync(begun.Id)).Must(204);
        (await Api.CompleteAsync(begun.Id)).MustBe("upload-over", 410);
        (await Api.SignAsync(begun.Id)).MustBe("upload-over", 410);
        Assert.Equal(Size, await Setup.ReservedAsync(Files));
        await Setup.ClearAsync(begun.Id);
        Assert.Equal(0, await Setup.ReservedAsync(Files));
        Assert.InRange(await PutAsync(begun, 2, content), 400, 499);
    }

    [Fact]
    public async Task Parts_have_a_size_and_a_number_that_a_store_takes()
    {
        var hash = ApiClient.HashOf([1]);
        (await Api.BeginAsync("a", 1 << 24, hash, new { partBytes = 1000 })).MustBe("invalid-value", 400);
        (await Api.BeginAsync("a", 1L << 40, hash, new { partBytes = PartBytes })).MustBe("invalid-value", 400);
        (await Api.BeginAsync("a", (5L << 30) + 1, hash)).MustBe("invalid-value", 400);
        (await Api.BeginAsync("a", -1, hash)).MustBe("invalid-value", 400);
        (await Api.BeginAsync("a", long.MaxValue, hash, new { partBytes = 5L << 30 })).MustBe("invalid-value", 400);
    }
}
