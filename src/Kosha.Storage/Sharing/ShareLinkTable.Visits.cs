using System.Globalization;
using Dapper;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;
using Kosha.Storage.Webhooks;
using Npgsql;

namespace Kosha.Storage.Sharing;

/// <summary>What becomes of links while they are used.</summary>
public sealed partial class ShareLinkTable
{
    private const string SqlFind = """
        select s.id, s.user_id, s.node_id, s.stamp, n.is_folder, s.password_hash, s.allows_download, s.allows_upload,
               s.expires_at, s.max_downloads,
               s.max_downloads is not null and s.downloads >= s.max_downloads as is_used_up
        from share_links s
        join users u on u.id = s.user_id
        cross join lateral (select f.is_folder from file_nodes f where f.id = s.node_id limit 1) n
        where s.token_hash = @tokenHash and s.revoked_at is null and (s.expires_at is null or s.expires_at > now())
          and u.disabled_at is null and is_live(s.node_id)
        """;

    /// <summary>The open link of this token; null: there is none, or no more, or what it shares is in the trash.
    /// </summary>
    public Task<OpenShareLink?> FindAsync(byte[] tokenHash, CancellationToken ct) =>
        database.ReadAsync(connection => connection.QuerySingleOrDefaultAsync<OpenShareLink?>(
            new(SqlFind, new { tokenHash }, cancellationToken: ct)), ct);

    private const string SqlTake = """
        update share_links s set downloads = s.downloads + 1, last_used_at = now()
        where s.id = @Id and s.stamp = @Stamp and s.revoked_at is null and s.downloads < s.max_downloads
          and (s.expires_at is null or s.expires_at > now())
        returning true
        """;

    /// <summary>
    /// Counts one download of a link that has a maximum, whoever else does at the same moment. False: there were as
    /// many as it allows.
    /// </summary>
    /// <param name="nodeId">What is read; the shared folder for a zip file.</param>
    public Task<bool> TakeAsync(OpenShareLink link, long nodeId, string? address, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            if (await transaction.Connection!.ExecuteScalarAsync<bool?>(
                new(SqlTake, new { link.Id, link.Stamp }, transaction, cancellationToken: ct)) is null)
                return false;
            await TellUsesAsync(
                transaction, [(new(link.Id, link.UserId, nodeId), new(link.Id, address ?? "", 1, 1))], ct);
            return true;
        }, ct);

    /// <summary>In order, so that two daemons cannot wait for each other in a circle.</summary>
    private const string SqlLockAll =
        "select s.id from share_links s where s.id = any(@ids) order by s.id for no key update";

    private const string SqlNote = """
        update share_links s set
            accesses = s.accesses + w.accesses, last_used_at = now(),
            -- Where there is a maximum meanwhile, it is counted by itself.
            downloads = s.downloads + case when s.max_downloads is null then w.downloads else 0 end
        from (
            select t.id, sum(t.accesses)::bigint as accesses, sum(t.downloads)::bigint as downloads
            from unnest(@ids, @accesses, @downloads) as t (id, accesses, downloads) group by t.id) w
        where s.id = w.id and s.id = any(@ids)
        returning s.id, s.user_id, s.node_id
        """;

    private sealed record UsedLink(long Id, long UserId, long NodeId);

    /// <summary>Counts what visitors did since the last time, and tells of those who read or brought a file.</summary>
    public Task NoteAsync(IReadOnlyList<ShareUse> uses, CancellationToken ct) =>
        database.WriteAsync(transaction => NoteAsync(transaction, uses, ct), ct);

    private static async Task NoteAsync(
        NpgsqlTransaction transaction, IReadOnlyList<ShareUse> uses, CancellationToken ct)
    {
        var parameters = new
        {
            ids = uses.Select(use => use.LinkId).ToArray(),
            accesses = uses.Select(use => use.Accesses).ToArray(),
            downloads = uses.Select(use => use.Downloads).ToArray(),
        };
        var connection = transaction.Connection!;
        await connection.ExecuteAsync(new(SqlLockAll, new { parameters.ids }, transaction, cancellationToken: ct));
        var links = (await connection.QueryAsync<UsedLink>(
            new(SqlNote, parameters, transaction, cancellationToken: ct))).ToDictionary(link => link.Id);
        await TellUsesAsync(transaction,
        [
            .. uses.Where(use => use.Downloads + use.Uploads > 0 && links.ContainsKey(use.LinkId))
                .Select(use => (links[use.LinkId], use)),
        ], ct);
    }

    private static async Task TellUsesAsync(
        NpgsqlTransaction transaction, IReadOnlyList<(UsedLink Link, ShareUse Use)> uses, CancellationToken ct)
    {
        if (uses.Count == 0)
            return;
        await AuditTable.AddAllAsync(transaction, [.. uses.Select(used => EntryOf(used.Link, used.Use))], ct);
        await Outbox.AddAllAsync(transaction, [.. uses.Select(used => EventOf(used.Link, used.Use))], ct);
    }

    private static AuditEntry EntryOf(UsedLink link, ShareUse use) => new(
        AuditActions.ShareUse, new Caller(link.UserId, Guid.Empty)
        {
            ShareLinkId = link.Id, Address = use.Address.Length == 0 ? null : use.Address,
        })
    {
        NodeId = link.NodeId,
        Detail = string.Create(CultureInfo.InvariantCulture, $"downloads: {use.Downloads}, uploads: {use.Uploads}"),
    };

    private static WebhookEvent EventOf(UsedLink link, ShareUse use) => new(
        WebhookEvents.ShareUsed, link.UserId, link.NodeId, new
        {
            shareId = link.Id, nodeId = link.NodeId, downloads = use.Downloads, uploads = use.Uploads,
        });

    private static async Task TellAsync(
        NpgsqlTransaction transaction, string action, string type, Caller caller, ShareLink link, CancellationToken ct)
    {
        await AuditTable.AddAsync(transaction, new(action, caller)
        {
            NodeId = link.NodeId,
            Subject = link.Path,
            Detail = string.Create(CultureInfo.InvariantCulture, $"share link {link.Id}"),
        }, ct);
        await Outbox.AddAsync(transaction, new(type, caller.UserId, link.NodeId, new
        {
            shareId = link.Id, nodeId = link.NodeId, path = link.Path, expires = link.ExpiresAt,
        }), ct);
    }

    // The end ---------------------------------------------------------------------------------------------------------

    /// <summary>Three indexes, and no link twice.</summary>
    private const string SqlRemoveOver = """
        delete from share_links where id = any(array(
            (select s.id from share_links s
             where s.expires_at is not null and s.expires_at < now() - @kept limit @limit)
            union
            (select s.id from share_links s
             where s.revoked_at is not null and s.revoked_at < now() - @kept limit @limit)
            union
            (select s.id from share_links s
             where s.downloads >= s.max_downloads and s.last_used_at < now() - @kept limit @limit)))
        """;

    /// <summary>Removes links that are over for so long. Returns how many; 0: that was all.</summary>
    /// <param name="limit">For each way to be over.</param>
    internal Task<int> RemoveOverAsync(TimeSpan kept, int limit, CancellationToken ct) =>
        database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync(
            new(SqlRemoveOver, new { kept, limit }, transaction, cancellationToken: ct)), ct);
}
