using System.Collections.Immutable;

namespace Kosha.Tests.Robustness.Model;

/// <summary>
/// What a user's drive should be: a tree in memory with the rules of RFC 4918 and nothing else. It takes a request with
/// its answer and says what the drive is afterwards, or that it cannot have answered so.
/// </summary>
/// <param name="Root">The tree.</param>
/// <param name="Bytes">What the user is charged, trash and versions included.</param>
/// <param name="Clock">Rises with every change.</param>
public sealed partial record ModelTree(ModelNode Root, long Bytes, int Clock)
{
    private const int MaxLocksPerNode = 32;
    private const int MaxVersions = 100;

    public static readonly ModelTree Empty = new(ModelNode.EmptyFolder, 0, 0);

    private ModelPlace At(string path) => ModelPlace.Of(Root, ModelOperation.Split(path));

    /// <summary>The drive after this answer; null: no drive like this one gives it.</summary>
    public ModelTree? Apply(ModelOperation op, ModelAnswer answer)
    {
        var refusal = Refusal(op);
        if (refusal != 0)
            return refusal == answer.Status ? this : null;
        return op.Method switch
        {
            "GET" => Get(op, answer),
            "PROPFIND" => answer.Status == 207 ? Seen(At(op.Path).Node!, answer.Entries) : null,
            _ => Change(op, answer) is var (status, after) && status == answer.Status ? after : null,
        };
    }

    /// <summary>The same drive, if its whole tree is what was seen of it.</summary>
    public ModelTree? Seen(string path, IReadOnlyList<ModelEntry> entries) =>
        At(path).Node is { IsFolder: true } folder ? Seen(folder, entries) : null;

    private ModelTree? Seen(ModelNode folder, IReadOnlyList<ModelEntry> entries)
    {
        if (folder.Children.Count != entries.Count)
            return null;
        var tree = this;
        foreach (var ((name, child), entry) in folder.Children.Zip(entries))
        {
            if (name != entry.Name || child.IsFolder != entry.IsFolder || child.Property != entry.Property)
                return null;
            if (!child.IsFolder && (child.Content.Length != entry.Size || !IsTag(child, entry.Etag)))
                return null;
            if (!child.IsFolder)
                tree = tree.Learn(child.Etag, entry.Etag);
        }
        return tree;
    }

    private ModelTree? Get(ModelOperation op, ModelAnswer answer)
    {
        var node = At(op.Path).Node!;
        if (answer.Status != 200)
            return null;
        if (node.IsFolder)
            return this;
        return node.Content == answer.Text && IsTag(node, answer.Etag) ? Learn(node.Etag, answer.Etag) : null;
    }

    // The tag of a file that LOCK has made is in no answer, so its first appearance is believed.
    private static bool IsUnknown(string etag) => etag.StartsWith('?');

    private static bool IsTag(ModelNode node, string etag) => node.Etag == etag || IsUnknown(node.Etag);

    private ModelTree Learn(string etag, string seen) => !IsUnknown(etag) ? this : this with
    {
        Root = Root.Map(node => node.Etag == etag ? node with { Etag = seen } : node),
    };

    private (int Status, ModelTree After) Change(ModelOperation op, ModelAnswer answer)
    {
        var place = At(op.Path);
        var node = place.Node;
        switch (op.Method)
        {
            case "PUT":
                var file = new ModelNode(IsFolder: false) { Content = op.Body, Etag = answer.Etag };
                return node is null
                    ? (201, With(op.Path, file, op.Body.Length))
                    : (204, Overwrite(op, op.Path, file with { Property = node.Property }, op.Body.Length));
            case "MKCOL":
                return (201, With(op.Path, ModelNode.EmptyFolder, 0));
            case "DELETE":
                return (204, With(op.Path, node: null, 0));
            case "PROPPATCH":
                return (207, With(op.Path, node! with { Property = op.Body }, 0));
            case "COPY":
                return (At(op.Target).Node is null ? 201 : 204, Copy(op, node!));
            case "MOVE":
                return (At(op.Target).Node is null ? 201 : 204, Move(op, node!));
            case "LOCK":
                var locked = node ?? new(IsFolder: false) { Etag = "?" + answer.Token };
                var held = new ModelLock(answer.Token, op.IsExclusive, op.IsDeep && locked.IsFolder, Clock);
                return (node is null ? 201 : 200, With(op.Path, locked with { Locks = locked.Locks.Add(held) }, 0));
            default:
                return (204, this with { Root = Root.WithoutLock(op.Token!) });
        }
    }

    private ModelTree With(string path, ModelNode? node, long bytes) =>
        new(Root.With(ModelOperation.Split(path), node), Bytes + bytes, Clock + 1);

    /// <summary>
    /// A content takes a file's place, with the versions that it brings; the old one becomes a version unless one was
    /// kept under the writer's lock already.
    /// </summary>
    private ModelTree Overwrite(ModelOperation op, string path, ModelNode file, int bytes)
    {
        var place = At(path);
        var old = place.Node!;
        var since = place.Covering.Where(held => held.Token == op.Token).Select(held => (int?)held.Since).Min();
        var isKept = old.Content.Length > 0 && old.Content != file.Content
            && !old.Versions.Exists(version => version.At >= since);
        var all = old.Versions.AddRange(isKept ? [new(Clock, old.Content.Length)] : []).AddRange(file.Versions)
            .OrderByDescending(version => version.At).ToList();
        var versions = all.Take(MaxVersions).Reverse().ToImmutableList();
        var changed = versions.Sum(version => version.Size) - old.Versions.Sum(version => version.Size)
            - file.Versions.Sum(version => version.Size);
        return With(path, file with { Locks = old.Locks, Versions = versions },
            bytes - old.Content.Length + changed);
    }

    // A file that takes a file's place leaves what hangs on the place; anything else arrives without locks.
    private ModelTree Copy(ModelOperation op, ModelNode node)
    {
        var target = At(op.Target).Node;
        if (!node.IsFolder && target is { IsFolder: false })
            return Overwrite(op, op.Target, node.Copied(), node.Content.Length);
        var copy = (op.IsDeep ? node : node with { Children = ModelNode.EmptyFolder.Children }).Copied();
        return With(op.Target, copy, copy.All.Sum(one => (long)one.Content.Length));
    }

    private ModelTree Move(ModelOperation op, ModelNode node)
    {
        var target = At(op.Target).Node;
        var taken = With(op.Path, node: null, 0);
        return !node.IsFolder && target is { IsFolder: false }
            ? taken.Overwrite(op, op.Target, node, 0)
            : taken.With(op.Target, node.WithoutLocks(), 0);
    }
}
