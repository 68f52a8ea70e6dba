using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.WebDav;

/// <summary>
/// What concerns a folder as a whole while a member is locked: the answer names the member (RFC 4918, 9.9.4, 9.10.9).
/// </summary>
public sealed class LockedMemberTests(Drive drive) : IClassFixture<Drive>
{
    private const string LockBody =
        "<D:lockinfo xmlns:D='DAV:'><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>"
        + "</D:lockinfo>";

    private readonly DavClient client = drive.Client;

    private async Task<(string Folder, string Member, string Token)> NewTreeAsync()
    {
        var folder = await drive.NewFolderAsync();
        (await client.MkcolAsync(folder + "/sub")).Must(201);
        (await client.PutAsync(folder + "/free", "x")).Must(201);
        (await client.PutAsync(folder + "/sub/a%20b", "x")).Must(201);
        return (folder, folder + "/sub/a%20b", await client.LockAsync(folder + "/sub/a%20b", "0"));
    }

    [Fact]
    public async Task LOCK_of_a_folder_names_the_member_and_the_folder_itself()
    {
        var (folder, member, token) = await NewTreeAsync();
        var answer = (await client.SendAsync("LOCK", folder, DavClient.Xml(LockBody), ("Depth", "infinity"))).Must(207);
        Assert.Equal(
            [($"/dav/{member}", 423), ($"/dav/{folder}/", 424)],
            answer.Multistatus.Items.Select(item => (item.Href, item.Status!.Value)));
        Assert.Contains("<D:error><D:no-conflicting-lock/></D:error>", answer.Text, StringComparison.Ordinal);
        Assert.Null(answer.Header("Lock-Token"));
        (await client.PutAsync(folder + "/free", "not locked")).Must(204);
        (await client.UnlockAsync(member, token)).Must(204);
        await client.LockAsync(folder);
    }

    [Theory]
    [InlineData("DELETE")]
    [InlineData("MOVE")]
    [InlineData("COPY")]
    public async Task Taking_away_a_folder_names_the_member_and_changes_nothing(string method)
    {
        var (folder, member, token) = await NewTreeAsync();
        var source = await drive.NewFolderAsync();
        // A COPY takes away what stands at its target.
        var (path, target) = method == "COPY" ? (source, folder) : (folder, source + "/moved");
        Task<DavAnswer> TryAsync(params (string, string)[] headers) =>
            client.SendAsync(method, path, [("Destination", client.UrlOf(target)), .. headers]);

        var other = await client.LockAsync(folder + "/sub", "0");
        // Not 207: many clients take that for success.
        var answer = (await TryAsync()).Must(423);
        Assert.Contains($"<D:lock-token-submitted><D:href>/dav/{folder}/sub</D:href><D:href>/dav/{member}</D:href>"
            + "</D:lock-token-submitted>", answer.Text, StringComparison.Ordinal);
        (await client.UnlockAsync(folder + "/sub", other)).Must(204);
        Assert.Equal(["free", "sub"], (await client.ListAsync(folder)).Names);
        (await TryAsync(("If", $"<{client.UrlOf(member)}> (<{token}>)"))).Must(201, 204);
    }
}
