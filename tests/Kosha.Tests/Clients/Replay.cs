using System.Text;
using Kosha.Tests.Infrastructure;

namespace Kosha.Tests.Clients;

/// <summary>A drive on which each request carries the headers that one client puts on everything.</summary>
public sealed class Replay(DavClient drive, params IReadOnlyList<(string Name, string Value)> always)
{
    private const string Declaration = "<?xml version=\"1.0\" encoding=\"utf-8\" ?>";
    private const string XmlType = "text/xml; charset=\"utf-8\"";

    public string UrlOf(string path) => drive.UrlOf(path);

    /// <summary>Without a body.</summary>
    public Task<DavAnswer> SendAsync(string method, string path, params (string, string)[] headers) =>
        drive.SendAsync(method, path, [.. always, .. headers]);

    /// <summary>With a file as the body; Content-Length says how long it is, also for an empty one.</summary>
    public Task<DavAnswer> PutAsync(string path, string content, params (string, string)[] headers) =>
        drive.SendAsync("PUT", path, new ByteArrayContent(Encoding.UTF8.GetBytes(content)), [.. always, .. headers]);

    /// <summary>With XML as the body, declared as clients do.</summary>
    public Task<DavAnswer> XmlAsync(string method, string path, string xml, params (string, string)[] headers) =>
        drive.SendAsync(method, path, new ByteArrayContent(Encoding.UTF8.GetBytes(Declaration + xml)),
            [.. always, ("Content-Type", XmlType), .. headers]);

    /// <summary>An exclusive lock as most clients ask for it.</summary>
    /// <returns>The token as the Lock-Token header gave it, in angle brackets.</returns>
    public async Task<string> LockAsync(string path, string owner, params (string, string)[] headers) =>
        (await XmlAsync("LOCK", path, LockBody(owner), headers)).Must(200, 201).Header("Lock-Token")!;

    public static string LockBody(string owner) => $"""
        <D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>
        <D:owner><D:href>{owner}</D:href></D:owner></D:lockinfo>
        """;

    /// <summary>A PROPFIND body that names properties; they are written with the prefixes D and oc.</summary>
    public static string Prop(params string[] names) =>
        "<D:propfind xmlns:D=\"DAV:\" xmlns:oc=\"http://owncloud.org/ns\"><D:prop>"
        + string.Concat(names.Select(name => $"<{name}/>")) + "</D:prop></D:propfind>";
}
