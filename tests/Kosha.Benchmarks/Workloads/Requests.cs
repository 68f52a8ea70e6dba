using System.Text;
using Kosha.Benchmarks.Http;

namespace Kosha.Benchmarks.Workloads;

/// <summary>The requests that several workloads send.</summary>
internal static class Requests
{
    private const string XmlHeader = "Content-Type: application/xml; charset=utf-8\r\n";

    /// <summary>The properties that rclone asks for.</summary>
    public static readonly ReadOnlyMemory<byte> SomeProperties = Encoding.UTF8.GetBytes("""
        <?xml version="1.0"?>
        <d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><d:displayname/><d:getlastmodified/>
        <d:getcontentlength/><d:resourcetype/><d:getcontenttype/><oc:checksums/><oc:permissions/></d:prop></d:propfind>
        """);

    private static readonly ReadOnlyMemory<byte> LockBody = Encoding.UTF8.GetBytes("""
        <?xml version="1.0"?>
        <D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>
        <D:owner>benchmark</D:owner></D:lockinfo>
        """);

    public static bool Put(this Connection connection, string path, ReadOnlyMemory<byte> body, string headers = "") =>
        connection.Send("PUT", path, new(headers, body)) is 200 or 201 or 204;

    /// <summary>Null body: all properties.</summary>
    public static bool Propfind(this Connection connection, string path, int depth, ReadOnlyMemory<byte> body) =>
        connection.Send("PROPFIND", path, new($"Depth: {depth}\r\n{XmlHeader}", body)) == 207;

    /// <summary>The token with its brackets; null if the lock was refused.</summary>
    public static string? Lock(this Connection connection, string path)
    {
        var exchange = new Exchange($"Depth: 0\r\nTimeout: Second-60\r\n{XmlHeader}", LockBody);
        return connection.Send("LOCK", path, exchange) is 200 or 201 ? connection.Head.LockToken : null;
    }

    public static bool Unlock(this Connection connection, string path, string token) =>
        connection.Send("UNLOCK", path, new($"Lock-Token: {token}\r\n")) is 200 or 204;

    /// <summary>True if the answer is 200 with exactly these bytes.</summary>
    public static bool GetEquals(this Connection connection, string path, byte[] expected)
    {
        var isEqual = true;
        var status = connection.Send("GET", path, new(Sink: (bytes, offset) =>
            isEqual &= offset + bytes.Length <= expected.Length
                && bytes.SequenceEqual(expected.AsSpan((int)offset, bytes.Length))));
        return status == 200 && isEqual && connection.BodyLength == expected.Length;
    }

    /// <summary>
    /// Makes folders, outermost first, where there are any; one that is there already is fine.
    /// </summary>
    public static void MakeFolders(Target target, params IEnumerable<string> paths)
    {
        if (!target.IsWebDav)
            return;
        using var connection = new Connection(target);
        foreach (var path in paths)
        {
            if (connection.Send("MKCOL", target.PathOf(path)) is var status and not (201 or 405 or 409 or 301))
                throw new InvalidDataException($"MKCOL {path}: {status}");
        }
    }
}
