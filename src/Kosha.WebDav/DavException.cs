namespace Kosha.WebDav;

/// <summary>A request that the protocol itself refuses, before or beside anything that storage has to say.</summary>
/// <param name="status">The HTTP status of the answer.</param>
/// <param name="message">For people; holds no secret.</param>
/// <param name="condition">The local name of a DAV: precondition element for the body (RFC 4918, 16).</param>
internal sealed class DavException(int status, string message, string? condition = null) : Exception(message)
{
    public int Status { get; } = status;

    public string? Condition { get; } = condition;

    public static DavException BadRequest(string message) => new(400, message);

    public static DavException NotFound() => new(404, "Nothing has this name.");
}
