using System.Globalization;
using Dapper;
using Npgsql;

namespace Kosha.Storage.Tree;

public sealed partial class NodeTree
{
    /// <summary>
    /// Brings the sources of a batch to their targets, each of which has a name of its own then.
    /// </summary>
    /// <param name="mayStay">A source that is its own target is left alone.</param>
    /// <param name="put">Gives, by the ids of its sources, the nodes that stand at the targets then.</param>
    private static async Task<IReadOnlyList<FileNode>> PlaceAsync(
        Batch batch, long folderId, NameConflict onConflict, bool mayStay,
        Func<IReadOnlyList<Relocation>, Task<Dictionary<long, long>>> put, CancellationToken ct)
    {
        var targets = await NamedAsync(batch, folderId, onConflict, mayStay, ct);
        var relocations = new List<Relocation>(targets.Length);
        foreach (var (source, target) in batch.Sources.Zip(targets))
        {
            RequireExclusive(batch.Hold, target?.Node);
            if (target is not null)
                relocations.Add(new(source, target));
        }
        var placed = await put(relocations);
        return await NodesAsync(batch.Transaction, Array.ConvertAll(batch.Sources, source =>
            placed.GetValueOrDefault(source.Existing.Id, source.Existing.Id)), ct);
    }

    /// <summary>The targets with names that are free, or may be replaced; null for a source that stays.</summary>
    private static async Task<Place?[]> NamedAsync(
        Batch batch, long folderId, NameConflict onConflict, bool mayStay, CancellationToken ct)
    {
        bool Stays(int i) => mayStay && batch.Targets[i].Node?.Id == batch.Sources[i].Existing.Id;
        var owners = new Dictionary<string, FileNode>(StringComparer.Ordinal);
        foreach (var i in Enumerable.Range(0, batch.Sources.Length).Where(Stays))
            owners[batch.Targets[i].Path.Name] = batch.Sources[i].Existing;
        var taken = new List<(int Index, FileNode By)>();
        for (var i = 0; i < batch.Sources.Length; i++)
        {
            var target = batch.Targets[i];
            if (Stays(i))
                continue;
            if (!owners.TryAdd(target.Path.Name, batch.Sources[i].Existing))
                taken.Add((i, owners[target.Path.Name]));
            else if (target.Node is { } there && onConflict != NameConflict.Replace)
                taken.Add((i, there));
        }
        if (taken.Count > 0 && onConflict != NameConflict.Rename)
            throw AlreadyExists(
                $"'{taken[0].By.Name}' exists already.", [.. taken.Select(t => t.By).DistinctBy(node => node.Id)]);
        var numbered = taken.Count == 0 ? [] : await NumberedAsync(
            batch.Transaction, folderId, [.. taken.Select(t => batch.Sources[t.Index].Existing)], [.. owners.Keys], ct);
        Place?[] named = [.. batch.Targets.Select((target, i) => Stays(i) ? null : target)];
        foreach (var (name, (index, _)) in numbered.Zip(taken))
            named[index] = Renamed(batch.Targets[index], name);
        return named;
    }

    /// <summary>
    /// The place itself where it is free, else one with a number. Of those who want one name at once each waits for the
    /// last, or it would lose the race for a number to all of them.
    /// </summary>
    private static async Task<Place> BesideAsync(
        NpgsqlTransaction transaction, Place place, Hold hold, CancellationToken ct)
    {
        if (place.Node is null)
            return place;
        if (hold == Hold.Shared)
            throw new NeedsExclusiveException();
        var wished = new FileNode { Name = place.Path.Name };
        return Renamed(place, (await NumberedAsync(transaction, place.Folder.Id, [wished], [], ct))[0]);
    }

    /// <summary>The same place by another name, which is free. Locks of what had the first one do not concern it.
    /// </summary>
    private static Place Renamed(Place place, string name) => place with
    {
        Path = place.Path.Parent.Append(name),
        Node = null,
        Locks = [.. place.Locks.Where(held => held.NodeId != place.Node?.Id)],
    };

    /// <summary>Numbered names of one kind that are looked at.</summary>
    private const int MaxNumbered = 10_000;

    private const string SqlNumbered = """
        select s.stem, n.name
        from unnest(@stems) s (stem)
        cross join lateral (
            select f.name from file_nodes f
            where f.parent_id = @folderId and f.name >= s.stem || ' (' and f.name < s.stem || ' )'
            limit @MaxNumbered) n
        """;

    private sealed record NumberedName(string Stem, string Name);

    /// <summary>A free name for each node: "a (2).txt". Fault: LimitReached where too many of a kind are taken.
    /// </summary>
    private static async Task<List<string>> NumberedAsync(
        NpgsqlTransaction transaction, long folderId, List<FileNode> nodes, IReadOnlyCollection<string> reserved,
        CancellationToken ct)
    {
        var parts = nodes.ConvertAll(node => NodePath.SplitForMark(node.Name, node.IsFolder));
        var stems = parts.Select(part => part.Stem).Distinct().ToArray();
        var taken = (await transaction.Connection!.QueryAsync<NumberedName>(
            new(SqlNumbered, new { stems, folderId, MaxNumbered }, transaction, cancellationToken: ct)))
            .AsList();
        // A number that looks free might be one of those that were not looked at.
        if (taken.CountBy(name => name.Stem).FirstOrDefault(kind => kind.Value >= MaxNumbered).Key is { } full)
            throw new StorageException(StorageFault.LimitReached,
                $"The folder has {MaxNumbered} names like '{full} (2)'. Choose another name, or another folder.");
        var used = taken.Select(name => name.Name).Concat(reserved).ToHashSet(StringComparer.Ordinal);
        return parts.ConvertAll(part =>
        {
            for (var number = 2; ; number++)
            {
                var name = string.Create(CultureInfo.InvariantCulture, $"{part.Stem} ({number}){part.Extension}");
                if (used.Add(name))
                    return name;
            }
        });
    }
}
