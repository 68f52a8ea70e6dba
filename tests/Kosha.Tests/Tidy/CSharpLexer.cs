using System.Text;

namespace Kosha.Tests.Tidy;

/// <summary>
/// Separates C# text into code, comments and string contents. Each part keeps the length and the line breaks of the
/// whole, with blanks where something else stands, so that positions agree.
/// </summary>
public sealed class CSharpLexer
{
    private readonly string text;
    private readonly StringBuilder code;
    private readonly StringBuilder comments;
    private readonly StringBuilder strings;
    private int at;

    private CSharpLexer(string text)
    {
        this.text = text;
        var blank = string.Concat(text.Select(c => c == '\n' ? '\n' : ' '));
        code = new(blank);
        comments = new(blank);
        strings = new(blank);
    }

    public static (string Code, string Comments, string Strings) Split(string text)
    {
        var lexer = new CSharpLexer(text);
        lexer.Code(closing: '\0');
        return (lexer.code.ToString(), lexer.comments.ToString(), lexer.strings.ToString());
    }

    private bool Sees(string word) => string.CompareOrdinal(text, at, word, 0, word.Length) == 0;

    private void Take(StringBuilder part, int count = 1)
    {
        for (; count > 0 && at < text.Length; count--, at++)
            part[at] = text[at];
    }

    // Ends at the closing brace of an interpolation hole, or at the end of the text.
    private void Code(char closing)
    {
        for (var depth = 0; at < text.Length;)
        {
            if (text[at] == closing && depth == 0)
                return;
            depth += text[at] switch { '{' or '(' => 1, '}' or ')' => -1, _ => 0 };
            if (Sees("//"))
                Take(comments, EndOf("\n") - at);
            else if (Sees("/*"))
                Take(comments, EndOf("*/") + 2 - at);
            else if (text[at] == '\'')
                CharLiteral();
            else if (IsStringStart(out var dollars, out var verbatim))
                StringLiteral(dollars, verbatim);
            else
                Take(code);
        }
    }

    private int EndOf(string word)
    {
        var end = text.IndexOf(word, at, StringComparison.Ordinal);
        return end < 0 ? text.Length : end;
    }

    private void CharLiteral()
    {
        at++;
        while (at < text.Length && text[at] != '\'')
            at += text[at] == '\\' ? 2 : 1;
        at++;
    }

    private bool IsStringStart(out int dollars, out bool verbatim)
    {
        var i = at;
        dollars = 0;
        verbatim = false;
        for (; i < text.Length && text[i] is '$' or '@'; i++)
        {
            dollars += text[i] == '$' ? 1 : 0;
            verbatim |= text[i] == '@';
        }
        if (i >= text.Length || text[i] != '"')
            return false;
        at = i;
        return true;
    }

    private void StringLiteral(int dollars, bool verbatim)
    {
        var quotes = 0;
        while (at + quotes < text.Length && text[at + quotes] == '"')
            quotes++;
        if (quotes >= 3)
            Raw(quotes, dollars);
        else
            Quoted(dollars > 0, verbatim);
    }

    private void Raw(int quotes, int dollars)
    {
        var end = new string('"', quotes);
        var hole = new string('{', Math.Max(dollars, 1));
        at += quotes;
        while (at < text.Length && !Sees(end))
        {
            if (dollars > 0 && Sees(hole))
                Hole(dollars);
            else
                Take(strings);
        }
        at += quotes;
    }

    private void Quoted(bool interpolated, bool verbatim)
    {
        at++;
        while (at < text.Length)
        {
            if (text[at] == '"' && !(verbatim && Sees("\"\"")))
                break;
            if ((text[at] == '\\' && !verbatim) || Sees("\"\"") || (interpolated && (Sees("{{") || Sees("}}"))))
                Take(strings, 2);
            else if (interpolated && text[at] == '{')
                Hole(1);
            else
                Take(strings);
        }
        at++;
    }

    private void Hole(int braces)
    {
        at += braces;
        Code('}');
        at += braces;
    }
}
