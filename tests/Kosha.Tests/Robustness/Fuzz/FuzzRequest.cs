using System.Globalization;
using System.Text;

namespace Kosha.Tests.Robustness.Fuzz;

/// <summary>A request in parts, so that each can be spoiled by itself.</summary>
public sealed class FuzzRequest
{
    public string Method { get; set; } = "GET";

    /// <summary>As it stands in the request line.</summary>
    public string Target { get; set; } = "/dav/";

    public List<(string Name, string Value)> Headers { get; } = [];

    public byte[] Body { get; set; } = [];

    public bool IsChunked { get; set; }

    /// <summary>Added to the length that is announced; after a lie the connection is closed.</summary>
    public int Lie { get; set; }

    public byte[] Bytes(Uri server, string authorization)
    {
        var head = new StringBuilder($"{Method} {Target} HTTP/1.1\r\n");
        head.Append(CultureInfo.InvariantCulture, $"Host: {server.Authority}\r\nAuthorization: {authorization}\r\n");
        foreach (var (name, value) in Headers)
            head.Append(name).Append(": ").Append(value).Append("\r\n");
        if (IsChunked)
            return [.. Latin1(head.Append("Transfer-Encoding: chunked\r\n\r\n")), .. Chunks()];
        if (Body.Length + Lie > 0 || Method is "PUT" or "POST")
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {Math.Max(0, Body.Length + Lie)}\r\n");
        return [.. Latin1(head.Append("\r\n")), .. Body];
    }

    private IEnumerable<byte> Chunks()
    {
        var half = Body.Length / 2;
        foreach (var part in new[] { Body[..half], Body[half..] }.Where(part => part.Length > 0))
        {
            byte[] chunk = [.. Encoding.ASCII.GetBytes($"{part.Length + Lie:x}\r\n"), .. part, 13, 10];
            foreach (var one in chunk)
                yield return one;
        }
        foreach (var one in "0\r\n\r\n"u8.ToArray())
            yield return one;
    }

    private static byte[] Latin1(StringBuilder text) => Encoding.Latin1.GetBytes(text.ToString());
}
