using System.Text.Json.Nodes;
using Kosha.Tests.Api;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Clients;

/// <summary>An upload by plain curl, past Kosha.</summary>
[Collection(WithUploads.Name)]
public sealed class ZeroTouchTests(KoshaWithUploads setup)
{
    private const int LargestBodies = 100_000;

    [Fact]
    public async Task Of_200_MB_the_daemon_receives_less_than_100_KB()
    {
        var size = TestSize.Pick(ci: 200_000_000, soak: 1_000_000_000);
        var (drive, api) = await setup.NewUserAsync();
        using var _ = drive;
        using var __ = api;
        using var door = new CountingDoor(setup.Kosha.Url);
        var file = setup.Kosha.Folder["large.bin"];
        await using (var target = File.Create(file))
            await new PatternStream(size, 51).CopyToAsync(target);
        var sum = (await Tool.RunAsync("sha256sum", file)).MustSucceed().Output.Split(' ')[0];

        var begun = await CallAsync(drive, $"{door.Url}api/uploads", new JsonObject
        {
            ["parent"] = "/", ["name"] = "large.bin", ["size"] = size, ["sha256"] = sum,
        });
        string[] headers = [.. begun["headers"]!.AsObject().SelectMany(
            header => (string[])["-H", $"{header.Key}: {header.Value}"])];
        (await Tool.RunAsync("curl", ["-sSf", "-T", file, .. headers, (string)begun["url"]!])).MustSucceed();
        var done = await CallAsync(drive, $"{door.Url}api/uploads/{begun["id"]}/complete", []);
        Assert.Equal("completed", (string)done["state"]!);
        Assert.InRange(door.Received, 1, LargestBodies);

        // As aws s3 cp would bring it back.
        using var stored = await setup.Client.GetObjectAsync(setup.S3.Bucket, $"{setup.S3.Prefix}blobs/{sum}");
        Assert.Equal(sum, Convert.ToHexStringLower(
            await System.Security.Cryptography.SHA256.HashDataAsync(stored.ResponseStream)));
        Assert.Equal($"{size}", (await drive.HeadAsync("large.bin")).Must(200).Header("Content-Length"));
        File.Delete(file);
    }

    private static async Task<JsonNode> CallAsync(DavClient drive, string url, JsonObject body)
    {
        var said = await Tool.RunAsync("curl", "-sSf", "-u", $"{drive.User.Name}:{drive.User.Password}",
            "-H", "Content-Type: application/json", "-d", body.ToJsonString(), url);
        return JsonNode.Parse(said.MustSucceed().Output)!;
    }
}
