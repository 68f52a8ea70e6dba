using System.Xml.Linq;

namespace Kosha.Tests.Infrastructure;

/// <summary>How clients ask for a link to a file's bytes.</summary>
public static class LinkRequests
{
    public static readonly XName Name = Multistatus.OwnCloud + "downloadURL";

    public const string DownloadUrl = """
        <D:propfind xmlns:D="DAV:" xmlns:oc="http://owncloud.org/ns"><D:prop><oc:downloadURL/></D:prop></D:propfind>
        """;

    /// <summary>The link to one file.</summary>
    public static async Task<Uri> LinkToAsync(this DavClient drive, string path) => new(
        (await drive.PropfindAsync(path, "0", DownloadUrl)).Must(207).Multistatus.Single.Value(Name)
        ?? throw new InvalidOperationException("There is no link."));
}
