using System.Text;

namespace Kosha.Benchmarks.Http;

/// <summary>One server's WebDAV folder and who signs in there. The URL is plain http and ends in '/'.</summary>
public record Target(Uri Url, string User, string Password)
{
    private readonly string authorization =
        $"Authorization: Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{User}:{Password}"))}\r\n";

    /// <summary>False: there are no folders to make, and no PROPFIND.</summary>
    public virtual bool IsWebDav => true;

    /// <summary>The lines of a request by which the server knows who asks, each ended by CR LF.</summary>
    public virtual string HeadersOf(string method, string path) => authorization;

    /// <summary>The path on the server of something below the folder.</summary>
    public string PathOf(string below) => Url.AbsolutePath + below;

    /// <summary>As a Destination header wants it.</summary>
    public string AbsoluteOf(string below) => Url.AbsoluteUri + below;
}
