using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.WebDav;

/// <summary>PROPFIND with Depth infinity, where the installation allows it.</summary>
public sealed class InfiniteDepthTests
{
    [Fact]
    public async Task A_whole_tree_comes_folder_by_folder_with_the_locks_that_hold_below()
    {
        await using var kosha = await KoshaProcess.StartNewAsync(("WebDav:InfiniteDepth", "true"));
        using var client = kosha.AdminDrive();
        foreach (var folder in new[] { "a", "a/b c", "d" })
            (await client.MkcolAsync(folder.Replace(" ", "%20", StringComparison.Ordinal))).Must(201);
        foreach (var file in new[] { "1", "a/2", "a/b%20c/3" })
            (await client.PutAsync(file, "x")).Must(201);
        var token = await client.LockAsync("a");

        var found = (await client.SendAsync("PROPFIND", "")).Must(207).Multistatus;

        Assert.Equal(
            ["/dav/", "/dav/1", "/dav/a/", "/dav/d/", "/dav/a/2", "/dav/a/b%20c/", "/dav/a/b%20c/3"],
            found.Items.Select(item => item.Href));
        Assert.Equal(
            ["a", "2", "b c", "3"],
            found.Items.Where(item => item.Value("lockdiscovery")!.Contains(token, StringComparison.Ordinal))
                .Select(item => item.Name));
        await kosha.StopAsync();
    }
}
