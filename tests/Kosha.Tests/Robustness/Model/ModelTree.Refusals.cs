namespace Kosha.Tests.Robustness.Model;

public sealed partial record ModelTree
{
    /// <summary>The status with which the drive must refuse; 0 if it must not.</summary>
    private int Refusal(ModelOperation op)
    {
        var place = At(op.Path);
        if (op.Method is "GET" or "PROPFIND" && place.Node is null)
            return 404;
        if (op.HasIf && !IfHolds(op))
            return 412;
        return op.Method switch
        {
            "PUT" => OfWriting(op, place),
            "MKCOL" => place.Node is not null ? 405
                : !place.HasFolder ? 409 : First(OfHttp(op, place), OfName(op, place)),
            "DELETE" => OfRemoval(op, place),
            "PROPPATCH" => place.Node is null ? 404 : First(OfHttp(op, place), Locked(place.Covering, op)),
            "COPY" => place.Node is null ? 404
                : First(OfHttp(op, place), OfCycle(op, isMove: false), OfTarget(op, At(op.Target))),
            "MOVE" => First(OfRemoval(op, place), OfCycle(op, isMove: true), OfTarget(op, At(op.Target))),
            "LOCK" => OfLocking(op, place),
            "UNLOCK" => place.Node is null ? 404 : place.Covering.Any(held => held.Token == op.Token) ? 0 : 409,
            _ => 0,
        };
    }

    private static int First(params ReadOnlySpan<int> refusals)
    {
        foreach (var refusal in refusals)
        {
            if (refusal != 0)
                return refusal;
        }
        return 0;
    }

    private bool IfHolds(ModelOperation op)
    {
        var place = At(op.IfTag ?? op.Path);
        var known = place.Covering.Concat(place.Node is null ? place.OnMembership : []);
        return op.IfAlways
            || ((op.Token is null || known.Any(held => held.Token == op.Token) != op.IsNotToken)
                && (op.IfEtag is null || (place.Node is { IsFolder: false } file && file.Etag == op.IfEtag)));
    }

    private static int OfHttp(ModelOperation op, ModelPlace place)
    {
        var matches = place.Node is { } node
            && (op.IfMatch == "*" || (!node.IsFolder && node.Etag == op.IfMatch));
        return (op.IfMatch is not null && !matches) || (op.IfNone && place.Node is not null) ? 412 : 0;
    }

    private static int Locked(IEnumerable<ModelLock> locks, ModelOperation op)
    {
        var held = locks.ToList();
        return held.Count > 0 && held.TrueForAll(one => one.Token != op.Token) ? 423 : 0;
    }

    private static int OfName(ModelOperation op, ModelPlace place) =>
        First(Locked(place.OnMembership, op), Locked(place.Covering, op));

    private static int LockedBelow(ModelOperation op, ModelPlace place) =>
        place.Node is null ? 0 : First([.. place.Node.All.Skip(1).Select(node => Locked(node.Locks, op))]);

    private static int OfWriting(ModelOperation op, ModelPlace place) =>
        !place.HasFolder ? 409
        : place.Node is { IsFolder: true } ? 405
        : First(OfHttp(op, place), place.Node is null ? OfName(op, place) : Locked(place.Covering, op));

    private static int OfRemoval(ModelOperation op, ModelPlace place) =>
        place.Node is null ? 404 : First(OfHttp(op, place), OfName(op, place), LockedBelow(op, place));

    private static int OfCycle(ModelOperation op, bool isMove)
    {
        var (source, target) = (op.Path + "/", op.Target + "/");
        return source.StartsWith(target, StringComparison.Ordinal)
            || ((isMove || op.IsDeep) && target.StartsWith(source, StringComparison.Ordinal)) ? 403 : 0;
    }

    private static int OfTarget(ModelOperation op, ModelPlace target) =>
        !target.HasFolder ? 409
        : target.Node is not null && !op.Overwrite ? 412
        : First(OfName(op, target), LockedBelow(op, target));

    private static int OfLocking(ModelOperation op, ModelPlace place)
    {
        bool Conflicts(ModelLock held) => op.IsExclusive || held.IsExclusive;
        if (OfHttp(op, place) is var refusal and not 0)
            return refusal;
        if (place.Covering.Any(Conflicts))
            return 423;
        if (op.IsDeep && place.Node is { IsFolder: true } folder
            && folder.All.Skip(1).SelectMany(node => node.Locks).Any(Conflicts))
            return 207; // RFC 4918, 9.10.3: the members in the way are named.
        if (place.Node is null)
            return OfWriting(op, place);
        return place.Node.Locks.Count < MaxLocksPerNode ? 0 : 403;
    }
}
