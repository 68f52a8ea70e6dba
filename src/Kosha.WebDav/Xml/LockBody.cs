using Kosha.Storage.Tree;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Xml;

/// <summary>A LOCK body (RFC 4918, 14.11).</summary>
/// <param name="IsExclusive">False: shared.</param>
/// <param name="Owner">The owner element, as XML that stands alone; null if there is none.</param>
internal sealed record LockBody(bool IsExclusive, string? Owner)
{
    /// <summary>Null: no body, so a lock is to be refreshed.</summary>
    public static async Task<LockBody?> ReadAsync(HttpRequest request, CancellationToken ct)
    {
        using var reader = await BodyReader.OpenAsync(request, ct);
        return reader is null ? null : Read(reader);
    }

    /// <exception cref="DavException">400</exception>
    internal static LockBody Read(BodyReader reader)
    {
        reader.ReadRoot("lockinfo");
        bool? isExclusive = null;
        var isWrite = false;
        string? owner = null;
        while (reader.Read())
        {
            if (!reader.IsElement || reader.Name.Namespace != PropertyName.DavNamespace)
                continue;
            switch (reader.Depth, reader.Name.Local)
            {
                case (1, "owner"):
                    owner = reader.CopyElement(out _);
                    break;
                case (2, "exclusive" or "shared"):
                    isExclusive = reader.Name.Local == "exclusive";
                    break;
                case (2, "write"):
                    isWrite = true;
                    break;
            }
        }
        if (isExclusive is not { } exclusive || !isWrite)
            throw DavException.BadRequest("The body does not ask for an exclusive or shared write lock.");
        if (owner?.Length > LockTable.MaxOwnerLength)
            throw DavException.BadRequest($"The lock's owner is longer than {LockTable.MaxOwnerLength} letters.");
        return new LockBody(exclusive, owner);
    }
}
