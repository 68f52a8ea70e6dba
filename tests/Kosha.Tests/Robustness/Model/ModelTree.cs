namespace Kosha.Tests.Robustness.Model;

/// <summary>
/// What a user's drive should be: a tree in memory with the rules of RFC 4918 and nothing else. It takes a request with
/// its answer and says what the drive is afterwards, or that it cannot have answered so.
/// </summary>
/// <param name="Root">The tree.</param>
/// <param name="Bytes">What the user is charged, the trash included.</param>
public sealed partial record ModelTree(ModelNode Root, long Bytes)
{
    private const int MaxLocksPerNode = 32;

    public static readonly ModelTree Empty = new(ModelNode.EmptyFolder, 0);

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
                var file = (node ?? new(IsFolder: false)) with { Content = op.Body, Etag = answer.Etag };
                return (node is null ? 201 : 204, With(op.Path, file, op.Body.Length - (node?.Content.Length ?? 0)));
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
                var held = new ModelLock(answer.Token, op.IsExclusive, op.IsDeep && locked.IsFolder);
                return (node is null ? 201 : 200, With(op.Path, locked with { Locks = locked.Locks.Add(held) }, 0));
            default:
                return (204, this with { Root = Root.WithoutLock(op.Token!) });
        }
    }

    private ModelTree With(string path, ModelNode? node, long bytes) =>
        new(Root.With(ModelOperation.Split(path), node), Bytes + bytes);

    // A file that takes a file's place leaves the locks of the place; anything else arrives without any.
    private ModelTree Copy(ModelOperation op, ModelNode node)
    {
        var target = At(op.Target).Node;
        if (!node.IsFolder && target is { IsFolder: false })
            return With(op.Target, node with { Locks = target.Locks }, node.Content.Length - target.Content.Length);
        var copy = (op.IsDeep ? node : node with { Children = ModelNode.EmptyFolder.Children }).WithoutLocks();
        return With(op.Target, copy, copy.All.Sum(one => (long)one.Content.Length));
    }

    private ModelTree Move(ModelOperation op, ModelNode node)
    {
        var target = At(op.Target).Node;
        var taken = With(op.Path, node: null, 0);
        return !node.IsFolder && target is { IsFolder: false }
            ? taken.With(op.Target, node with { Locks = target.Locks }, -target.Content.Length)
            : taken.With(op.Target, node.WithoutLocks(), 0);
    }
}
