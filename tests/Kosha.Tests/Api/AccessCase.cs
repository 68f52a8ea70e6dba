using System.Globalization;

namespace Kosha.Tests.Api;

/// <summary>What the owner has, for calls that name it.</summary>
public sealed record Belongings
{
    public required long Folder { get; init; }

    public required long File { get; init; }

    public required long Version { get; init; }

    public required long Trashed { get; init; }

    public required long Upload { get; init; }

    public required long Session { get; init; }

    public required long Profile { get; init; }

    public required long AppPassword { get; init; }

    /// <summary>A share link of a folder of its own, which takes files, too.</summary>
    public required long Share { get; init; }

    public required string ShareToken { get; init; }

    /// <summary>A file in that folder.</summary>
    public required long SharedFile { get; init; }

    public required long Webhook { get; init; }

    public required long Message { get; init; }
}

/// <summary>A call of one endpoint that names what is the owner's, if it names anything.</summary>
/// <param name="Path">Below /api/.</param>
/// <param name="Body">JSON; null: none.</param>
/// <param name="NamesOwn">Others are told that there is no such thing.</param>
/// <param name="NeedsAllFiles">An app password for one folder does not reach it.</param>
public sealed record AccessCase(string Path, string? Body = null, bool NamesOwn = false, bool NeedsAllFiles = false)
{
    private const string Nobody = """{"username":"nobody","password":""}""";

    private const string NoWebhook = """{"url":"nowhere","events":[],"password":""}""";

    /// <summary>By method and route, as the routing table has them: every endpoint has one.</summary>
    public static Dictionary<string, AccessCase> All(Belongings own) => new(
        [
            .. OfAccounts(own), .. OfFiles(own), .. OfTrashAndSearch(own), .. OfUploads(own), .. OfShares(own),
            .. OfWebhooks(own), .. OfAdministrators(),
        ],
        StringComparer.Ordinal);

    private static Dictionary<string, AccessCase> OfAccounts(Belongings own) => new(StringComparer.Ordinal)
    {
        ["POST /api/session"] = new("session", "{}"),
        ["GET /api/session"] = new("session"),
        ["DELETE /api/session"] = new("session"),
        ["GET /api/sessions"] = new("sessions"),
        ["DELETE /api/sessions"] = new("sessions"),
        ["DELETE /api/sessions/{id:long}"] = Own($"sessions/{own.Session}"),
        ["POST /api/register"] = new("register", Nobody),
        ["POST /api/webhooks/identity"] = new("webhooks/identity", "{}"),
        ["GET /api/account"] = new("account"),
        ["PATCH /api/account"] = new("account", """{"password":"wrong","email":"not an address"}"""),
        ["PUT /api/account/password"] = new("account/password", """{"password":"wrong","new":"short"}"""),
        ["DELETE /api/account"] = new("account", "{}"),
        ["POST /api/account/two-factor"] = new("account/two-factor", "{}"),
        ["POST /api/account/two-factor/confirm"] = new("account/two-factor/confirm", "{}"),
        ["POST /api/account/two-factor/recovery-codes"] = new("account/two-factor/recovery-codes", "{}"),
        ["DELETE /api/account/two-factor"] = new("account/two-factor", "{}"),
        ["GET /api/app-passwords"] = new("app-passwords"),
        ["POST /api/app-passwords"] = new("app-passwords", """{"label":"","redirect":"x","password":""}"""),
        ["DELETE /api/app-passwords/{id:long}"] = Own($"app-passwords/{own.AppPassword}"),
        ["GET /api/usage"] = new("usage"),
        ["GET /api/account/audit"] = new("account/audit"),
    };

    private static Dictionary<string, AccessCase> OfFiles(Belongings own) => new(StringComparer.Ordinal)
    {
        ["GET /api/nodes"] = new("nodes"),
        ["GET /api/nodes/{id:long}"] = Own($"nodes/{own.File}"),
        ["GET /api/nodes/{id:long}/children"] = Own($"nodes/{own.Folder}/children"),
        ["GET /api/nodes/{id:long}/breadcrumb"] = Own($"nodes/{own.File}/breadcrumb"),
        ["GET /api/nodes/{id:long}/content"] = Own($"nodes/{own.File}/content"),
        ["GET /api/nodes/{id:long}/versions"] = Own($"nodes/{own.File}/versions"),
        ["GET /api/nodes/{id:long}/versions/{versionId:long}/content"] =
            Own($"nodes/{own.File}/versions/{own.Version}/content"),
        ["GET /api/zip"] = Own($"zip?ids={own.Folder}"),
        ["GET /api/favorites"] = new("favorites"),
        ["GET /api/recent"] = new("recent"),
        ["POST /api/nodes/{id:long}/folders"] = Own($"nodes/{own.Folder}/folders", """{"name":"made"}"""),
        ["PATCH /api/nodes/{id:long}"] = Own($"nodes/{own.File}", """{"isFavorite":true}"""),
        ["POST /api/nodes/move"] = Own("nodes/move", Put(own.File, own.Folder)),
        ["POST /api/nodes/copy"] = Own("nodes/copy", Put(own.File, own.Folder)),
        ["POST /api/nodes/{id:long}/versions/{versionId:long}/restore"] =
            Own($"nodes/{own.File}/versions/{own.Version}/restore"),
        ["DELETE /api/nodes/{id:long}/versions/{versionId:long}"] = Own($"nodes/{own.File}/versions/{own.Version}"),
        ["POST /api/nodes/trash"] = Own("nodes/trash", Ids(own.File)),
    };

    private static Dictionary<string, AccessCase> OfTrashAndSearch(Belongings own) => new(StringComparer.Ordinal)
    {
        ["GET /api/trash"] = new("trash", NeedsAllFiles: true),
        ["GET /api/trash/size"] = new("trash/size", NeedsAllFiles: true),
        ["POST /api/trash/restore"] = Trash("trash/restore", Ids(own.Trashed)),
        ["POST /api/trash/delete"] = Trash("trash/delete", Ids(own.Trashed)),
        ["DELETE /api/trash"] = new("trash", NeedsAllFiles: true),
        ["GET /api/search"] = new("search?q=file"),
        ["GET /api/search-profiles"] = new("search-profiles"),
        ["POST /api/search-profiles"] = new("search-profiles", """{"name":""}"""),
        ["GET /api/search-profiles/{id:long}"] = Own($"search-profiles/{own.Profile}"),
        ["GET /api/search-profiles/{id:long}/hits"] = Own($"search-profiles/{own.Profile}/hits"),
        ["PUT /api/search-profiles/{id:long}"] = Own($"search-profiles/{own.Profile}", """{"name":"kept"}"""),
        ["DELETE /api/search-profiles/{id:long}"] = Own($"search-profiles/{own.Profile}"),
    };

    private static Dictionary<string, AccessCase> OfUploads(Belongings own) => new(StringComparer.Ordinal)
    {
        ["POST /api/uploads"] = new("uploads", "{}"),
        ["GET /api/uploads"] = new("uploads"),
        ["GET /api/uploads/{id:long}"] = Own($"uploads/{own.Upload}"),
        ["POST /api/uploads/{id:long}/parts"] = Own($"uploads/{own.Upload}/parts"),
        ["POST /api/uploads/{id:long}/complete"] = Own($"uploads/{own.Upload}/complete"),
        ["DELETE /api/uploads/{id:long}"] = Own($"uploads/{own.Upload}"),
    };

    private static Dictionary<string, AccessCase> OfShares(Belongings own) => new(StringComparer.Ordinal)
    {
        ["GET /api/shares"] = new("shares"),
        ["POST /api/shares"] = Own("shares", $$"""{"nodeId":{{own.SharedFile}}}"""),
        ["GET /api/shares/{id:long}"] = Own($"shares/{own.Share}"),
        ["PATCH /api/shares/{id:long}"] = Own($"shares/{own.Share}", """{"name":"kept"}"""),
        ["DELETE /api/shares/{id:long}"] = Own($"shares/{own.Share}"),
        ["GET /api/nodes/{id:long}/shares"] = new($"nodes/{own.SharedFile}/shares"),
        ["GET /api/share/{token}"] = new($"share/{own.ShareToken}"),
        ["POST /api/share/{token}/access"] = new($"share/{own.ShareToken}/access", """{"password":""}"""),
        ["GET /api/share/{token}/nodes"] = new($"share/{own.ShareToken}/nodes"),
        ["GET /api/share/{token}/nodes/{id:long}/content"] =
            new($"share/{own.ShareToken}/nodes/{own.SharedFile}/content"),
        ["GET /api/share/{token}/zip"] = new($"share/{own.ShareToken}/zip"),
        ["PUT /api/share/{token}/files/{name}"] = new($"share/{own.ShareToken}/files/brought", "{}"),
    };

    private static Dictionary<string, AccessCase> OfWebhooks(Belongings own) => new(StringComparer.Ordinal)
    {
        ["GET /api/webhooks"] = new("webhooks"),
        ["POST /api/webhooks"] = new("webhooks", NoWebhook),
        ["GET /api/webhooks/{id:long}"] = Own($"webhooks/{own.Webhook}"),
        ["PATCH /api/webhooks/{id:long}"] = Own($"webhooks/{own.Webhook}", "{}"),
        ["DELETE /api/webhooks/{id:long}"] = Own($"webhooks/{own.Webhook}"),
        ["POST /api/webhooks/{id:long}/rotate"] = new($"webhooks/{own.Webhook}/rotate", "{}"),
        ["POST /api/webhooks/{id:long}/test"] = Own($"webhooks/{own.Webhook}/test"),
        ["GET /api/webhooks/{id:long}/deliveries"] = Own($"webhooks/{own.Webhook}/deliveries"),
        ["POST /api/webhooks/{id:long}/deliveries/{messageId:long}/retry"] =
            Own($"webhooks/{own.Webhook}/deliveries/{own.Message}/retry"),
        ["GET /api/admin/webhooks"] = new("admin/webhooks"),
        ["POST /api/admin/webhooks"] = new("admin/webhooks", NoWebhook),
        ["GET /api/admin/webhooks/{id:long}"] = new("admin/webhooks/999999999"),
        ["PATCH /api/admin/webhooks/{id:long}"] = new("admin/webhooks/999999999", "{}"),
        ["DELETE /api/admin/webhooks/{id:long}"] = new("admin/webhooks/999999999"),
        ["POST /api/admin/webhooks/{id:long}/rotate"] = new("admin/webhooks/999999999/rotate", "{}"),
        ["POST /api/admin/webhooks/{id:long}/test"] = new("admin/webhooks/999999999/test"),
        ["GET /api/admin/webhooks/{id:long}/deliveries"] = new("admin/webhooks/999999999/deliveries"),
        ["POST /api/admin/webhooks/{id:long}/deliveries/{messageId:long}/retry"] =
            new("admin/webhooks/999999999/deliveries/1/retry"),
    };

    private static Dictionary<string, AccessCase> OfAdministrators() => new(StringComparer.Ordinal)
    {
        ["GET /api/admin/users"] = new("admin/users"),
        ["POST /api/admin/users"] = new("admin/users", Nobody),
        ["GET /api/admin/users/{id:long}"] = new("admin/users/999999999"),
        ["PATCH /api/admin/users/{id:long}"] = new("admin/users/999999999", "{}"),
        ["DELETE /api/admin/users/{id:long}"] = new("admin/users/999999999", "{}"),
        ["GET /api/admin/jobs"] = new("admin/jobs"),
        ["GET /api/admin/jobs/{name}/runs"] = new("admin/jobs/none/runs"),
        ["POST /api/admin/jobs/{name}/run"] = new("admin/jobs/none/run"),
        ["POST /api/admin/jobs/{name}/pause"] = new("admin/jobs/none/pause"),
        ["POST /api/admin/jobs/{name}/resume"] = new("admin/jobs/none/resume"),
        ["GET /api/admin/audit"] = new("admin/audit"),
        ["GET /api/admin/audit/export"] = new("admin/audit/export"),
        ["GET /api/admin/totals"] = new("admin/totals"),
        ["GET /api/admin/invites"] = new("admin/invites"),
        ["POST /api/admin/invites"] = new("admin/invites", """{"days":-1}"""),
        ["DELETE /api/admin/invites/{id:long}"] = new("admin/invites/999999999"),
        ["GET /api/admin/plans"] = new("admin/plans"),
        ["POST /api/admin/plans"] = new("admin/plans", """{"name":""}"""),
        ["PATCH /api/admin/plans/{id:long}"] = new("admin/plans/999999999", """{"limits":{"maxBytes":-1}}"""),
        ["DELETE /api/admin/plans/{id:long}"] = new("admin/plans/999999999"),
    };


    private static AccessCase Own(string path, string? body = null) => new(path, body, NamesOwn: true);

    private static AccessCase Trash(string path, string body) => new(path, body, NamesOwn: true, NeedsAllFiles: true);

    private static string Ids(long id) => string.Create(CultureInfo.InvariantCulture, $$"""{"ids":[{{id}}]}""");

    private static string Put(long id, long parentId) => string.Create(
        CultureInfo.InvariantCulture, $$"""{"ids":[{{id}}],"parentId":{{parentId}},"onConflict":"rename"}""");
}
