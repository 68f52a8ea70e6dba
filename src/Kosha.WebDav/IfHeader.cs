using Kosha.Storage.Tree;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav;

/// <summary>
/// An If header (RFC 4918, 10.4): lists of state tokens and entity tags, one of which must hold.
/// <code>
/// If = 1*No-tag-list | 1*(Resource-Tag 1*List)      List = "(" 1*( ["Not"] ( "&lt;" URI "&gt;" | "[" tag "]" ) ) ")"
/// </code>
/// </summary>
/// <param name="Lists">At least one.</param>
/// <param name="Tokens">Every lock token that occurs: to occur is to be submitted, even after "Not".</param>
internal sealed record IfHeader(IReadOnlyList<StateList> Lists, IReadOnlyCollection<Guid> Tokens)
{
    /// <summary>Terms of all lists together.</summary>
    public const int MaxTerms = 500;

    /// <exception cref="DavException">400: the header breaks the grammar or the limit.</exception>
    public static IfHeader Parse(string header, HostString host, Uri? publicUrl)
    {
        var scanner = new Scanner(header);
        var lists = new List<StateList>();
        var tokens = new HashSet<Guid>();
        var terms = 0;
        var isTagged = scanner.Peek() == '<';
        while (!scanner.AtEnd)
        {
            NodePath? path = null;
            var isForeign = false;
            if (isTagged)
            {
                path = DavUrl.FromTag(scanner.TakeEnclosed('<', '>'), host, publicUrl);
                isForeign = path is null;
            }
            do
            {
                var list = ReadList(ref scanner, tokens);
                if ((terms += list.Count) > MaxTerms)
                    throw DavException.BadRequest($"The If header has more than {MaxTerms} conditions.");
                lists.Add(new StateList(path, isForeign, list));
            }
            while (scanner.Peek() == '(');
        }
        return lists.Count > 0 ? new IfHeader(lists, tokens) : throw Malformed();
    }

    private static List<StateTerm> ReadList(ref Scanner scanner, HashSet<Guid> tokens)
    {
        scanner.Take('(');
        var terms = new List<StateTerm>();
        while (!scanner.TryTake(')'))
        {
            var not = scanner.TryTakeNot();
            if (scanner.Peek() == '[')
            {
                terms.Add(new StateTerm(not, Token: null, ReadTag(scanner.TakeEnclosed('[', ']'))));
                continue;
            }
            var token = LockTokens.Read(scanner.TakeEnclosed('<', '>'));
            if (token is { } own)
                tokens.Add(own);
            terms.Add(new StateTerm(not, token, Etag: null));
        }
        return terms.Count > 0 ? terms : throw Malformed();
    }

    private static Guid? ReadTag(ReadOnlySpan<char> tag)
    {
        tag = tag.Trim();
        var isQuoted = tag.EndsWith("\"", StringComparison.Ordinal)
            && (tag.StartsWith("\"", StringComparison.Ordinal) || tag.StartsWith("W/\"", StringComparison.Ordinal));
        return isQuoted && tag.Length >= 2 ? EntityTags.ReadStrong(tag) : throw Malformed();
    }

    private static DavException Malformed() => DavException.BadRequest("The If header is malformed.");

    private ref struct Scanner(string text)
    {
        private ReadOnlySpan<char> rest = text.AsSpan().Trim();

        public readonly bool AtEnd => rest.IsEmpty;

        /// <summary>The next letter that is not white space; NUL at the end.</summary>
        public readonly char Peek() => rest.IsEmpty ? '\0' : rest[0];

        public bool TryTake(char wanted)
        {
            if (Peek() != wanted || AtEnd)
                return false;
            rest = rest[1..].TrimStart();
            return true;
        }

        public void Take(char wanted)
        {
            if (!TryTake(wanted))
                throw Malformed();
        }

        public bool TryTakeNot()
        {
            if (!rest.StartsWith("Not", StringComparison.OrdinalIgnoreCase))
                return false;
            rest = rest[3..].TrimStart();
            return true;
        }

        public ReadOnlySpan<char> TakeEnclosed(char open, char close)
        {
            Take(open);
            var end = rest.IndexOf(close);
            if (end <= 0)
                throw Malformed();
            var inner = rest[..end];
            rest = rest[(end + 1)..].TrimStart();
            return inner;
        }
    }
}
