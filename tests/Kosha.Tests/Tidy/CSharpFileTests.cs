using Xunit;

namespace Kosha.Tests.Tidy;

/// <summary>The reader behind the house rules reads what people write.</summary>
public sealed class CSharpFileTests
{
    private const string Sample = """"
        namespace N;

        /// <summary>A type { with braces.</summary>
        [Attribute("(")]
        public sealed partial class A(int x) : B
            where T : class
        {
            private const string Text = $"{{ {F("}")} \"";
            private static readonly Regex Made = new() { X = '{' };
            public int P { get; set; } = 1;
            public int Q => Find(x => { return x; });

            // A { comment
            public int F(string s = """ " { """)
            {
                if (s == @"\")
                    return 1;
                return 2;
            }

            [Fact]
            private int G() =>
                1;

            public static bool operator ==(A a, B b)
            {
                return true;
            }

            public sealed record R(int X, string Y = "");
        }
        """";

    [Fact]
    public void Members_and_their_lines_are_found()
    {
        using var folder = new Infrastructure.TestFolder();
        File.WriteAllText(folder["A.cs"], Sample);
        var found = new CSharpFile(folder["A.cs"]).Members;
        Assert.Equal(["R", "A"], found.Where(m => m.Kind == MemberKind.Type).Select(m => m.TypeName));
        Assert.Equal(
            [
                ("public int F(string s =", 14, 19),
                ("private int G() =>", 22, 23),
                ("public static bool operator ==(A a, B b)", 25, 28),
            ],
            found.Where(m => m.Kind == MemberKind.Method)
                .Select(m => (m.Header.Split(["  ", "\n"], 2, default)[0], m.FirstLine, m.LastLine)));
    }
}
