namespace Kosha.Daemon.Api;

/// <summary>What the document shows of share links.</summary>
internal static class ShareExamples
{
    private static readonly DateTimeOffset Created = new(2026, 11, 20, 8, 15, 0, TimeSpan.Zero);

    public static readonly AddShare Add = new()
    {
        NodeId = 17, Name = "for Ada", ExpiresInDays = 14, Password = "correct horse battery", AllowsUpload = true,
    };

    public static readonly ChangeShare Change = new() { ExpiresInDays = 30, Password = "" };

    public static readonly ShareAnswer Share = new()
    {
        Id = 5, NodeId = 17, Path = "/Documents", IsFolder = true, Name = Add.Name,
        Url = "https://files.example.org/share/VJx0mUiGtlQSC9PYtDzF6RbW3iOQk1l2A7uXq8rN5yE", HasPassword = true,
        AllowsDownload = true, AllowsUpload = true, ExpiresAt = Created.AddDays(14), Downloads = 3, Accesses = 20,
        IsOver = false, Created = Created, LastUsed = Created.AddHours(7),
    };

    public static readonly ShareList Shares = new([Share with { Url = null }], Next: null);

    public static readonly VisitAnswer Visit = new()
    {
        NeedsPassword = false, Node = NodeExamples.Node with { ParentId = null, IsFavorite = false },
        AllowsDownload = true, AllowsUpload = false, ExpiresAt = Created.AddDays(14),
    };

    public static readonly VisitUpload Brought = new("report (2).pdf", 48_213, Id: 29);

    public static readonly OpenShare Open = new() { Password = "correct horse battery" };

    public static readonly VisitTicket Ticket =
        new("AzLqKmkAAAAABQAAAAAAAAAAAAAAAAAAAFU8mg-E0ZxLm5wa", Created.AddHours(4));
}
