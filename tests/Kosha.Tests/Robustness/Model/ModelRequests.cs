using System.Globalization;

namespace Kosha.Tests.Robustness.Model;

/// <summary>
/// Random operations over a few paths, with tokens and tags that answers have shown. Several clients may share it.
/// </summary>
public sealed class ModelRequests(IReadOnlyList<string> paths, IReadOnlyList<string> folders)
{
    private const int MaxRemembered = 24;

    private readonly Lock gate = new();
    private readonly List<(string Path, string Token)> tokens = [];
    private readonly List<string> etags = [];
    private readonly List<string> existing = [];
    private int contents;

    public ModelOperation Next(Random random)
    {
        var op = Plain(random);
        return op.Method is "GET" or "PROPFIND" or "UNLOCK" ? op : WithConditions(op, random);
    }

    private ModelOperation Plain(Random random) => random.Next(100) switch
    {
        < 22 => new("PUT", Pick(random, paths)) { Body = Content(random) },
        < 33 => new("GET", Existing(random)),
        < 42 => new("PROPFIND", Pick(random, folders)),
        < 58 => new("MKCOL", Pick(random, folders)),
        < 68 => new("MOVE", Existing(random)) { Target = Pick(random, paths), Overwrite = random.Next(3) != 0 },
        < 79 => new("COPY", Existing(random))
        {
            Target = Pick(random, paths), Overwrite = random.Next(3) != 0, IsDeep = random.Next(3) != 0,
        },
        < 85 => new("DELETE", Existing(random)),
        < 89 => new("LOCK", Existing(random)) { IsExclusive = random.Next(2) == 0, IsDeep = random.Next(2) == 0 },
        < 95 => Unlock(random),
        _ => new("PROPPATCH", Existing(random)) { Body = Content(random) },
    };

    // What is there is worth more than what is not.
    private string Existing(Random random) =>
        random.Next(4) != 0 && Choose(random, existing) is { } path ? path : Pick(random, paths);

    /// <summary>Remembers what later requests may use.</summary>
    public void Learn(ModelOperation op, ModelAnswer answer)
    {
        lock (gate)
        {
            if (answer is { Status: 200 or 201, Token.Length: > 0 })
                Remember(tokens, (op.Path, answer.Token));
            if (answer.Etag.Length > 0)
                Remember(etags, answer.Etag);
            if (answer.Status is 200 or 201 or 204 && op.Method is not "DELETE")
                Remember(existing, op.Target.Length > 0 ? op.Target : op.Path);
        }
    }

    private static void Remember<T>(List<T> list, T item)
    {
        list.Add(item);
        if (list.Count > MaxRemembered)
            list.RemoveAt(0);
    }

    private ModelOperation Unlock(Random random)
    {
        var path = Pick(random, paths);
        if (Choose(random, tokens) is not { Token: { } token } known)
            return new("GET", path);
        return new("UNLOCK", random.Next(4) == 0 ? path : known.Path) { Token = token };
    }

    // A token that is submitted and demands nothing lets a stream go on among locks, so it comes often.
    private ModelOperation WithConditions(ModelOperation op, Random random)
    {
        var known = Choose(random, tokens);
        return random.Next(24) switch
        {
            0 => op with { IfNone = true },
            1 => op with { IfMatch = random.Next(3) == 0 ? "*" : Choose(random, etags) },
            2 => op with { IfEtag = Choose(random, etags) },
            3 => op with { IfEtag = Choose(random, etags), Token = known.Token },
            4 => op with { Token = known.Token, IsNotToken = true },
            5 => op with { Token = known.Token, IfTag = known.Path },
            6 => op with { Token = known.Token },
            < 14 => op with { Token = known.Token, IfAlways = true },
            _ => op,
        };
    }

    private T? Choose<T>(Random random, List<T> from)
    {
        lock (gate)
            return from.Count == 0 ? default : from[random.Next(from.Count)];
    }

    // Some contents occur again, some are new, some are empty.
    private string Content(Random random) => random.Next(6) switch
    {
        0 => "",
        1 => "the same again",
        _ => string.Create(CultureInfo.InvariantCulture, $"content {Interlocked.Increment(ref contents)}"),
    };

    private static string Pick(Random random, IReadOnlyList<string> from) => from[random.Next(from.Count)];
}
