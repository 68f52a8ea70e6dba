using System.Text;

namespace Kosha.Benchmarks.Http;

/// <summary>One server's WebDAV folder and who signs in there. The URL is plain http and ends in '/'.</summary>
public sealed record Target(Uri Url, string User, string Password)
{
    public string Authorization { get; } =
        "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{User}:{Password}"));

    /// <summary>The path on the server of something below the folder.</summary>
    public string PathOf(string below) => Url.AbsolutePath + below;

    /// <summary>As a Destination header wants it.</summary>
    public string AbsoluteOf(string below) => Url.AbsoluteUri + below;
}
