using System.Collections.Immutable;
using System.Text;

namespace Kosha.Tests.Robustness.Model;

/// <summary>A write lock as the model keeps it.</summary>
/// <param name="Since">The model's time when it was taken.</param>
public sealed record ModelLock(string Token, bool IsExclusive, bool IsDeep, int Since);

/// <summary>A content that a file had before, and the model's time when it was written over.</summary>
public sealed record ModelVersion(int At, int Size);

/// <summary>A file or folder of the model; never changed, only replaced.</summary>
public sealed record ModelNode(bool IsFolder)
{
    public static readonly ModelNode EmptyFolder = new(IsFolder: true);

    public string Content { get; init; } = "";

    /// <summary>For a file that LOCK has made, a name of its own until somebody has seen the tag.</summary>
    public string Etag { get; init; } = "";

    public string? Property { get; init; }

    public ImmutableList<ModelLock> Locks { get; init; } = [];

    /// <summary>The oldest first.</summary>
    public ImmutableList<ModelVersion> Versions { get; init; } = [];

    public ImmutableSortedDictionary<string, ModelNode> Children { get; init; } =
        ImmutableSortedDictionary.Create<string, ModelNode>(StringComparer.Ordinal);

    /// <summary>The node itself and all below it.</summary>
    public IEnumerable<ModelNode> All => Children.Values.SelectMany(child => child.All).Prepend(this);

    /// <summary>The same tree with another node at the path; null removes it.</summary>
    public ModelNode With(ReadOnlySpan<string> names, ModelNode? node)
    {
        if (names.IsEmpty)
            return node!;
        var child = names.Length == 1 ? node : Children[names[0]].With(names[1..], node);
        return this with
        {
            Children = child is null ? Children.Remove(names[0]) : Children.SetItem(names[0], child),
        };
    }

    /// <summary>The same tree with every node replaced.</summary>
    public ModelNode Map(Func<ModelNode, ModelNode> change) => change(this) with
    {
        Children = Children.ToImmutableSortedDictionary(
            pair => pair.Key, pair => pair.Value.Map(change), StringComparer.Ordinal),
    };

    public ModelNode WithoutLocks() => Map(node => node with { Locks = [] });

    /// <summary>As a copy is: without what hangs on the node alone.</summary>
    public ModelNode Copied() => Map(node => node with { Locks = [], Versions = [] });

    public ModelNode WithoutLock(string token) => Map(node => node with
    {
        Locks = node.Locks.RemoveAll(one => one.Token == token),
    });

    /// <summary>Everything that answers tell about the tree, in one text.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        Write(text, "");
        return text.ToString();
    }

    private void Write(StringBuilder text, string path)
    {
        text.Append(path).Append(IsFolder ? "/" : $" '{Content}' {Etag}");
        if (Property is not null)
            text.Append(" p=").Append(Property);
        foreach (var held in Locks.OrderBy(one => one.Token, StringComparer.Ordinal))
            text.Append(' ').Append(held with { Since = 0 });
        text.Append('\n');
        foreach (var (name, child) in Children)
            child.Write(text, $"{path}/{name}");
    }
}

/// <summary>What stands at a path of the model, with the locks on the way down to it.</summary>
public sealed record ModelPlace(ModelNode? Parent, ModelNode? Node, IReadOnlyList<(ModelLock Lock, int Distance)> Locks)
{
    /// <summary>Locks that hold for the node itself.</summary>
    public IEnumerable<ModelLock> Covering =>
        Locks.Where(held => held.Distance == 0 || held.Lock.IsDeep).Select(held => held.Lock);

    /// <summary>Locks that hold for the list of names that the node stands in.</summary>
    public IEnumerable<ModelLock> OnMembership =>
        Locks.Where(held => held.Distance == 1 || (held.Distance > 1 && held.Lock.IsDeep)).Select(held => held.Lock);

    public bool HasFolder => Parent is { IsFolder: true };

    public static ModelPlace Of(ModelNode root, string[] names)
    {
        var locks = new List<(ModelLock, int)>();
        ModelNode? parent = null;
        var node = (ModelNode?)root;
        for (var depth = 0; node is not null; depth++)
        {
            locks.AddRange(node.Locks.Select(held => (held, names.Length - depth)));
            if (depth == names.Length)
                break;
            parent = depth == names.Length - 1 ? node : null;
            node = node.Children.GetValueOrDefault(names[depth]);
        }
        return new(parent, node, locks);
    }
}
