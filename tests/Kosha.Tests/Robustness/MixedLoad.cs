using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using Kosha.Tests.Infrastructure;

namespace Kosha.Tests.Robustness;

/// <summary>
/// What users do all day, at random and several of one user at once, over the drive and the API. Each kind of request
/// has the answers that it may get: success, and what a race with the others explains.
/// </summary>
internal sealed class MixedLoad(Random random, TimeSpan pause)
{
    private const int Folders = 3;
    private const int Names = 12;

    /// <summary>
    /// Beside success: 404 and 409, the name or its folder was deleted, moved or made by another; 405, the folder is
    /// there; 403, a folder that was just moved into the other one; 412, as Overwrite or If demands; 423, another one's
    /// lock; 410, an upload was over.
    /// </summary>
    private static readonly Dictionary<string, int[]> Expected = new()
    {
        ["PUT"] = [201, 204, 404, 409, 423],
        ["GET"] = [200, 404],
        ["PROPFIND"] = [207, 404],
        ["MKCOL"] = [201, 405, 409, 423],
        ["DELETE"] = [204, 404, 423],
        ["MOVE"] = [201, 204, 404, 409, 412, 423],
        ["COPY"] = [201, 204, 404, 409, 412, 423],
        ["LOCK"] = [200, 201, 404, 409, 423],
        ["UNLOCK"] = [204, 404, 409],
        ["begin upload"] = [201, 409, 423],
        ["put bytes"] = [200],
        ["complete upload"] = [200, 404, 409, 410, 412, 423],
        ["cancel upload"] = [204, 404, 409, 410],
        ["list trash"] = [200],
        ["restore"] = [200, 404, 409, 423],
        ["delete for good"] = [202, 204, 404],
        ["list children"] = [200, 404],
        ["search"] = [200],
        ["add user"] = [201],
        ["delete user"] = [204],
    };

    private readonly ConcurrentDictionary<string, int> answers = new();
    private readonly ConcurrentBag<string> wrong = [];

    /// <summary>How often each answer came, by request.</summary>
    public IEnumerable<string> Answers => answers.OrderBy(answer => answer.Key, StringComparer.Ordinal)
        .Select(answer => string.Create(CultureInfo.InvariantCulture, $"{answer.Key} {answer.Value}x"));

    /// <summary>Answers that nothing explains.</summary>
    public IReadOnlyCollection<string> Wrong => wrong;

    /// <summary>Works until the time is over.</summary>
    public Task RunAsync(IEnumerable<DavClient> drives, DavClient admin, CancellationToken over) => Task.WhenAll(
    [
        .. drives.SelectMany(drive => new[]
        {
            WorkAsync(pause, own => DriveAsync(drive, own), over),
            WorkAsync(pause, own => DriveAsync(drive, own), over),
            WorkAsync(pause, own => ApiAsync(drive, own), over),
        }),
        // Passwords are hashed slowly, on purpose.
        WorkAsync(25 * pause, _ => AccountAsync(admin), over),
    ]);

    private async Task WorkAsync(TimeSpan every, Func<Random, Task> workAsync, CancellationToken over)
    {
        var own = new Random(random.Next());
        using var timer = new PeriodicTimer(every);
        while (!over.IsCancellationRequested)
        {
            try
            {
                await workAsync(own);
            }
            catch (Exception e) when (e is HttpRequestException or IOException or InvalidOperationException)
            {
                wrong.Add(e.Message);
            }
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    private int Take(string request, int status, string text = "")
    {
        answers.AddOrUpdate($"{request} {status}", 1, (_, count) => count + 1);
        if (!Expected[request].Contains(status))
            wrong.Add($"{request}: {status} {text}");
        return status;
    }

    private static string Folder(Random own) => $"folder{own.Next(Folders)}";

    private static string File(Random own) => $"{Folder(own)}/file{own.Next(Names)}";

    private static byte[] Content(Random own)
    {
        var content = new byte[own.Next(8) switch { 0 => 0, 1 => 300_000, _ => own.Next(5000) }];
        // Few different ones, so that users share them.
        new Random(own.Next(40)).NextBytes(content);
        return content;
    }

    // The drive -------------------------------------------------------------------------------------------------------

    private async Task DriveAsync(DavClient drive, Random own)
    {
        var (method, answer) = own.Next(20) switch
        {
            < 6 => ("PUT", await drive.PutAsync(File(own), Content(own))),
            < 9 => ("GET", await drive.GetAsync(File(own))),
            < 11 => ("PROPFIND", await drive.PropfindAsync(Folder(own), "1")),
            < 13 => ("MKCOL", await drive.MkcolAsync(Folder(own))),
            < 15 => ("DELETE", await drive.DeleteAsync(File(own))),
            15 => ("DELETE", await drive.DeleteAsync(Folder(own))),
            16 => ("MOVE", await drive.MoveAsync(File(own), $"{Folder(own)}/moved{own.Next(4)}")),
            17 => ("COPY", await drive.CopyAsync(File(own), $"{Folder(own)}/copied{own.Next(4)}")),
            18 => ("COPY", await drive.CopyAsync(Folder(own), $"copy{own.Next(2)}")),
            _ => ("LOCK", await LockAsync(drive, File(own))),
        };
        Take(method, answer.Status, answer.Text.Length < 500 ? answer.Text : "");
    }

    private async Task<DavAnswer> LockAsync(DavClient drive, string path)
    {
        const string Body = """
            <D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>
            </D:lockinfo>
            """;
        var held = await drive.SendAsync("LOCK", path, DavClient.Xml(Body), ("Depth", "0"));
        if (held.Header("Lock-Token") is not { } token)
            return held;
        Take("PUT", (await drive.PutAsync(path, "locked", ("If", $"({token})"))).Status);
        Take("UNLOCK", (await drive.SendAsync("UNLOCK", path, ("Lock-Token", token))).Status);
        return held;
    }

    // The API ---------------------------------------------------------------------------------------------------------

    private async Task ApiAsync(DavClient drive, Random own)
    {
        using var api = new ApiClient(drive);
        switch (own.Next(6))
        {
            case 0 or 1:
                await UploadAsync(api, own);
                break;
            case 2 or 3:
                await TrashAsync(api, own);
                break;
            case 4:
                var found = await api.FindAsync(Folder(own));
                if (Take("list children", found.Status) == 200)
                    Take("list children", (await api.ChildrenAsync(found.Id)).Status);
                break;
            default:
                Take("search", (await api.SendAsync(HttpMethod.Get, "search?q=file")).Status);
                break;
        }
    }

    private async Task UploadAsync(ApiClient api, Random own)
    {
        var content = Content(own);
        var begun = await api.BeginAsync($"uploaded{own.Next(Names)}", content);
        if (Take("begin upload", begun.Status, $"{begun.Body}") != 201)
            return;
        if (own.Next(4) == 0)
        {
            Take("cancel upload", (await api.CancelAsync(begun.Id)).Status);
            return;
        }
        // What the user has already needs no bytes.
        if (begun.State == "open" && begun.Body!["url"] is not null)
            Take("put bytes", await api.PutAsync(begun.Body, content));
        var done = await api.CompleteAsync(begun.Id);
        Take("complete upload", done.Status, $"{done.Body}");
    }

    private async Task TrashAsync(ApiClient api, Random own)
    {
        var list = await api.SendAsync(HttpMethod.Get, "trash?limit=20");
        if (Take("list trash", list.Status) != 200 || list.Nodes("items") is not { Length: > 0 } items)
            return;
        var body = new JsonObject { ["ids"] = new JsonArray((long)items[own.Next(items.Length)]["id"]!) };
        if (own.Next(3) > 0)
            Take("restore", (await api.SendAsync(HttpMethod.Post, "trash/restore", body)).Status);
        else
            Take("delete for good", (await api.SendAsync(HttpMethod.Post, "trash/delete", body)).Status);
    }

    /// <summary>Accounts come and go, with what they have.</summary>
    private async Task AccountAsync(DavClient admin)
    {
        using var api = new ApiClient(admin);
        var user = new TestUser($"g{Guid.NewGuid():N}"[..12], "a password of a guest");
        var made = await api.PostAsync("admin/users", new { username = user.Name, password = user.Password });
        if (Take("add user", made.Status, $"{made.Body}") != 201)
            return;
        using (var drive = new DavClient(admin.Server, user))
        {
            Take("MKCOL", (await drive.MkcolAsync("folder0")).Status);
            Take("PUT", (await drive.PutAsync("folder0/file0", "content of a guest")).Status);
        }
        var gone = await api.SendAsync(
            HttpMethod.Delete, $"admin/users/{made.Id}", new JsonObject { ["password"] = KoshaProcess.AdminPassword });
        Take("delete user", gone.Status, $"{gone.Body}");
    }
}
