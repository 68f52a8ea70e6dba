using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>A credential that is taken away stops with the next request, and so do uploads under way.</summary>
public sealed class CredentialTests(SharedKosha shared)
{
    [Fact]
    public async Task An_app_password_works_until_it_is_revoked()
    {
        var kosha = await shared.Instance;
        var user = await kosha.NewUserAsync();
        using var device = await NewDeviceAsync(kosha, user.Name);
        (await device.PutAsync("from-the-device", "1")).Must(201);
        (await device.PutAsync("from-the-device", "2")).Must(204);

        await RevokeAsync(kosha, user.Name);
        (await device.GetAsync("from-the-device")).Must(401);
        using var drive = kosha.Drive(user);
        Assert.Equal("2", (await drive.GetAsync("from-the-device")).Must(200).Text);
    }

    [Fact]
    public async Task An_upload_under_way_is_not_stored_once_its_credential_is_revoked()
    {
        var kosha = await shared.Instance;
        var user = await kosha.NewUserAsync();
        using var device = await NewDeviceAsync(kosha, user.Name);
        using var client = await RawConnection.OpenAsync(device.Server);
        await client.SendHeadAsync(device, "PUT", "late", "Content-Length: 10", "Expect: 100-continue");
        Assert.Equal(100, await client.ReadStatusAsync());
        await client.SendAsync("12345");
        await RevokeAsync(kosha, user.Name);
        await client.SendAsync("67890");
        Assert.InRange(await client.ReadStatusAsync(), 401, 403);
        using var drive = kosha.Drive(user);
        (await drive.GetAsync("late")).Must(404);
    }

    [Fact]
    public async Task A_changed_password_and_a_disabled_user_stop_at_once()
    {
        var kosha = await shared.Instance;
        var user = await kosha.NewUserAsync();
        using var drive = kosha.Drive(user);
        (await drive.PutAsync("file", "1")).Must(201);

        const string Changed = "yet another password";
        (await kosha.CommandAsync(Changed + "\n", ["user", "passwd", user.Name, "--password-stdin"])).MustSucceed();
        (await drive.GetAsync("file")).Must(401);
        using var again = kosha.Drive(user with { Password = Changed });
        (await again.GetAsync("file")).Must(200);

        (await kosha.CommandAsync("user", "disable", user.Name)).MustSucceed();
        (await again.GetAsync("file")).Must(401);
    }

    [Fact]
    public async Task No_answer_tells_whether_a_user_exists()
    {
        var kosha = await shared.Instance;
        var user = await kosha.NewUserAsync();
        using var wrong = kosha.Drive(user with { Password = "a wrong password" });
        using var unknown = kosha.Drive(new("nobody-of-this-name", "a wrong password"));
        var (first, second) = ((await wrong.GetAsync("")).Must(401), (await unknown.GetAsync("")).Must(401));
        Assert.Equal(first.Text, second.Text);
        Assert.Equal(first.Header("WWW-Authenticate"), second.Header("WWW-Authenticate"));
    }

    private static async Task<DavClient> NewDeviceAsync(KoshaProcess kosha, string user)
    {
        var made = (await kosha.CommandAsync("app-password", "add", user, "--name", "phone")).MustSucceed();
        return kosha.Drive(new(user, made.Output.Trim()));
    }

    private static async Task RevokeAsync(KoshaProcess kosha, string user) =>
        (await kosha.CommandAsync("app-password", "revoke", user, "phone")).MustSucceed();
}
