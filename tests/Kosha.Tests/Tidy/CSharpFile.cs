using System.Text.RegularExpressions;

namespace Kosha.Tests.Tidy;

public enum MemberKind
{
    Type,
    Method,
    Other,
}

/// <summary>A type or one of its members, from its first line after the attributes to its last.</summary>
public sealed record Member(MemberKind Kind, string Header, int FirstLine, int LastLine)
{
    public int Lines => LastLine - FirstLine + 1;

    /// <summary>Of a type.</summary>
    public string TypeName => CSharpFile.TypeHeader().Match(Header).Groups["name"].Value;
}

/// <summary>
/// A C# file, read just well enough for the house rules: which types and members it has and how long they are. Braces
/// are counted; nothing is compiled.
/// </summary>
public sealed partial class CSharpFile
{
    private readonly List<Member> members = [];

    public CSharpFile(string path)
    {
        Path = path;
        Text = File.ReadAllText(path);
        (Code, Comments, Strings) = CSharpLexer.Split(Text);
        Code = Directive().Replace(Code, match => new string(' ', match.Length));
        ReadMembers();
    }

    public string Path { get; }

    public string Text { get; }

    /// <summary>Without comments, string contents and preprocessor lines.</summary>
    public string Code { get; }

    public string Comments { get; }

    public string Strings { get; }

    public string[] Lines => Text.Split('\n');

    public IReadOnlyList<Member> Members => members;

    [GeneratedRegex(@"^[ \t]*#.*$", RegexOptions.Multiline)]
    private static partial Regex Directive();

    [GeneratedRegex(@"(?<![.\w])(class|interface|enum|struct|record(\s+(class|struct))?)\s+(?<name>[A-Za-z_]\w*)")]
    internal static partial Regex TypeHeader();

    [GeneratedRegex(@"^(\s*\[[^\]]*\])*\s*")]
    private static partial Regex Attributes();

    private enum Block
    {
        Type,
        Method,
        Inner,
    }

    private void ReadMembers()
    {
        var open = new Stack<(Block Block, string Header, int Start)>();
        var start = 0;
        for (var i = 0; i < Code.Length; i++)
        {
            var inType = open.Count == 0 || open.Peek().Block == Block.Type;
            var header = inType ? Code[start..i] : "";
            switch (Code[i])
            {
                case '{':
                    open.Push((inType ? BlockOf(header) : Block.Inner, header, start));
                    if (open.Peek().Block == Block.Type)
                        start = i + 1;
                    break;
                case '}' when open.TryPop(out var closed):
                    if (closed.Block == Block.Type)
                        Add(MemberKind.Type, closed.Header, closed.Start, i);
                    if (closed.Block == Block.Method)
                        Add(MemberKind.Method, closed.Header, closed.Start, i);
                    if (closed.Block != Block.Inner || IsProperty(closed.Header, open))
                        start = i + 1;
                    break;
                case ';' when inType:
                    Add(KindOfStatement(header), header, start, i);
                    start = i + 1;
                    break;
            }
        }
    }

    private static bool IsProperty(string header, Stack<(Block Block, string Header, int Start)> open) =>
        header.Length > 0 && !header.Contains('=', StringComparison.Ordinal)
        && (open.Count == 0 || open.Peek().Block == Block.Type);

    private static Block BlockOf(string header)
    {
        var plain = header[Attributes().Match(header).Length..];
        if (plain.TrimStart().StartsWith("namespace", StringComparison.Ordinal) || TypeHeader().IsMatch(plain))
            return Block.Type;
        return HasParametersBeforeValue(plain) && !plain.Contains("=>", StringComparison.Ordinal)
            ? Block.Method : Block.Inner;
    }

    private static MemberKind KindOfStatement(string header)
    {
        var plain = header[Attributes().Match(header).Length..];
        if (TypeHeader().IsMatch(plain))
            return MemberKind.Type;
        return HasParametersBeforeValue(plain) && plain.Contains("=>", StringComparison.Ordinal)
            ? MemberKind.Method : MemberKind.Other;
    }

    // 'F(int x = 1) {' has its parenthesis before any '='; 'x = F()' has not.
    private static bool HasParametersBeforeValue(string header)
    {
        var parenthesis = header.IndexOf('(', StringComparison.Ordinal);
        var value = header.IndexOf('=', StringComparison.Ordinal);
        return parenthesis >= 0
            && (value < 0 || parenthesis < value || header.Contains("operator", StringComparison.Ordinal));
    }

    private void Add(MemberKind kind, string header, int start, int end)
    {
        var skipped = Attributes().Match(header).Length;
        if (header.Length > skipped)
            members.Add(new(kind, header[skipped..].Trim(), LineOf(start + skipped), LineOf(end)));
    }

    private int LineOf(int position) => Code.AsSpan(0, position).Count('\n') + 1;
}
