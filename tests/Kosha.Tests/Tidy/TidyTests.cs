using System.Security.Cryptography;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Xunit;

namespace Kosha.Tests.Tidy;

/// <summary>The house rules, checked over the source tree. A failure names file and line.</summary>
public sealed partial class TidyTests
{
    private const int MaxFileLines = 400;
    private const int MaxColumns = 120;
    private const int MaxMethodLines = 40;
    private const int MaxMedianMethodLines = 12;

    /// <summary>Seams with two real implementations each.</summary>
    private static readonly string[] Interfaces = ["IBlobStore"];

    private static readonly string[] BannedSuffixes =
        ["Manager", "Helper", "Util", "Utils", "Service", "Repository", "Provider", "Factory", "Impl", "Base", "Dto"];

    private static readonly string[] TextFiles =
        [".cs", ".sql", ".sh", ".md", ".json", ".props", ".csproj", ".yml", ".ts", ".tsx"];

    private static void None(IEnumerable<string> problems)
    {
        var found = problems.ToList();
        Assert.True(found.Count == 0, string.Join('\n', found.Prepend($"{found.Count} found:")));
    }

    private static IEnumerable<CSharpFile> Everything => SourceTree.CSharp("src").Concat(SourceTree.CSharp("tests"));

    private static string At(CSharpFile file, int line) => $"{SourceTree.Relative(file.Path)}:{line}";

    private static IEnumerable<string> Matches(CSharpFile file, string part, Regex pattern) =>
        from match in pattern.Matches(part)
        let line = part.AsSpan(0, match.Index).Count('\n') + 1
        select $"{At(file, line)}: {match.Value.Trim()}";

    [Fact]
    public void Files_have_at_most_400_lines() => None(
        from file in SourceTree.Files("src").Concat(SourceTree.Files("tests"))
        where Path.GetExtension(file) is ".cs" or ".sql" or ".sh" or ".ts" or ".tsx"
        let lines = File.ReadLines(file).Count()
        where lines > MaxFileLines
        select $"{SourceTree.Relative(file)}: {lines} lines");

    [Fact]
    public void Lines_have_at_most_120_columns() => None(
        from file in SourceTree.Files()
        where Path.GetExtension(file) is ".cs" or ".sql" or ".sh" or ".csproj" or ".props"
            || Path.GetFileName(file) == "Makefile"
        from line in File.ReadLines(file).Index()
        where line.Item.EnumerateRunes().Count() > MaxColumns
        select $"{SourceTree.Relative(file)}:{line.Index + 1}: {line.Item.Length} columns");

    [Fact]
    public void Methods_have_at_most_40_lines() => None(
        from file in Everything
        from method in file.Members
        where method.Kind == MemberKind.Method && method.Lines > MaxMethodLines
        select $"{At(file, method.FirstLine)}: {method.Lines} lines: {method.Header.Split('\n')[0]}");

    [Fact]
    public void Half_of_all_methods_have_at_most_12_lines()
    {
        var lengths = SourceTree.CSharp("src").SelectMany(file => file.Members)
            .Where(member => member.Kind == MemberKind.Method).Select(method => method.Lines).Order().ToList();
        Assert.NotEmpty(lengths);
        Assert.InRange(lengths[lengths.Count / 2], 1, MaxMedianMethodLines);
    }

    [Fact]
    public void Type_names_say_what_a_type_is() => None(
        from file in Everything
        from type in file.Members
        where type.Kind == MemberKind.Type
            && BannedSuffixes.Any(suffix => type.TypeName.EndsWith(suffix, StringComparison.Ordinal))
        select $"{At(file, type.FirstLine)}: {type.TypeName}");

    [Fact]
    public void Interfaces_are_seams() => None(
        from file in SourceTree.CSharp("src")
        from type in file.Members
        where type.Kind == MemberKind.Type && InterfaceHeader().IsMatch(type.Header)
            && !Interfaces.Contains(type.TypeName)
        select $"{At(file, type.FirstLine)}: {type.TypeName}");

    [Fact]
    public void Sql_stands_in_storage_alone() => None(
        from file in SourceTree.CSharp("src/Kosha.WebDav").Concat(SourceTree.CSharp("src/Kosha.Daemon"))
        from match in Matches(file, file.Strings, Sql())
        select match);

    [Fact]
    public void Storage_knows_no_http() => None(
        from file in SourceTree.CSharp("src/Kosha.Storage")
        from match in Matches(file, file.Code, Http())
        select match);

    [Fact]
    public void Projects_depend_in_one_direction()
    {
        var arrows =
            from project in SourceTree.Files("src", ".csproj")
            from reference in XDocument.Load(project).Descendants("ProjectReference")
            let target = Path.Combine(Path.GetDirectoryName(project)!, reference.Attribute("Include")!.Value)
            select $"{Folder(project)} -> {Folder(target)}";
        Assert.Equal(
            ["src/Kosha.Daemon -> src/Kosha.WebDav", "src/Kosha.WebDav -> src/Kosha.Storage"],
            arrows.Order(StringComparer.Ordinal));

        static string Folder(string project) => SourceTree.Relative(Path.GetDirectoryName(Path.GetFullPath(project))!);
    }

    [Fact]
    public void Nothing_is_left_for_later() => None(
        from file in Everything
        from match in Matches(file, file.Comments, Unfinished()).Concat(Matches(file, file.Code, UnfinishedCode()))
            .Concat(Matches(file, file.Text, Region()))
        select match);

    [Fact]
    public void No_code_is_commented_out() => None(
        from file in Everything
        from match in Matches(file, file.Comments, CommentedCode())
        select match);

    [Fact]
    public void Tests_wait_for_conditions_and_skip_nothing() => None(
        from file in SourceTree.CSharp("tests/Kosha.Tests")
        where Path.GetFileName(Path.GetDirectoryName(file.Path)) != "Infrastructure"
        from match in Matches(file, file.Code, SleepOrSkip())
        select match);

    [Fact]
    public void Public_types_say_what_they_promise() => None(
        from file in SourceTree.CSharp("src")
        from type in file.Members
        where type.Kind == MemberKind.Type && type.Header.StartsWith("public", StringComparison.Ordinal)
        group (File: file, Type: type) by (Path.GetDirectoryName(file.Path), type.TypeName) into parts
        where !parts.Any(part => IsDocumented(part.File, part.Type))
        select $"{At(parts.First().File, parts.First().Type.FirstLine)}: {parts.Key.TypeName}");

    private static bool IsDocumented(CSharpFile file, Member type)
    {
        var above = file.Lines.Take(type.FirstLine - 1).Reverse().Select(line => line.Trim())
            .SkipWhile(line => line.StartsWith('[') || line.EndsWith(']') || line.EndsWith(','));
        return above.FirstOrDefault("").StartsWith("///", StringComparison.Ordinal);
    }

    [Fact]
    public void No_state_is_static() => None(
        from file in SourceTree.CSharp("src")
        from field in file.Members
        where field.Kind == MemberKind.Other && StaticField().IsMatch(field.Header)
        select $"{At(file, field.FirstLine)}: {field.Header}");

    [Fact]
    public void No_path_of_a_machine_and_no_registry_is_named() => None(
        from file in SourceTree.Files()
        where TextFiles.Contains(Path.GetExtension(file)) || Path.GetFileName(file) is "Makefile" or "run"
        from line in File.ReadLines(file).Index()
        where ForeignPlace().IsMatch(line.Item)
        select $"{SourceTree.Relative(file)}:{line.Index + 1}: {line.Item.Trim()}");

    [Fact]
    public void Every_package_has_one_exact_version() => None(
        from file in SourceTree.Files("", ".csproj").Concat(SourceTree.Files("", ".props"))
        from element in XDocument.Load(file).Descendants()
        let version = element.Attribute("Version")?.Value
        where (element.Name == "PackageVersion" && !ExactVersion().IsMatch(version ?? ""))
            || (element.Name == "PackageReference" && version is not null)
        select $"{SourceTree.Relative(file)}: {element}");

    /// <summary>
    /// A script that users have run is never changed: a new one follows it. The list holds the scripts of released
    /// versions, in the form of sha256sum.
    /// </summary>
    [Fact]
    public void Landed_schema_scripts_do_not_change()
    {
        var folder = Path.Combine(SourceTree.Root, "src/Kosha.Storage/Schema");
        var landed = Path.Combine(SourceTree.Root, "tests/Kosha.Tests/Tidy/landed-schema.sha256");
        None(from line in File.ReadLines(landed)
             let parts = line.Split("  ")
             let hash = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(folder, parts[1]))))
             where hash != parts[0]
             select parts[1]);
    }

    [Fact]
    public void The_operators_page_has_every_setting_and_no_other()
    {
        var page = File.ReadAllText(Path.Combine(SourceTree.Root, "packaging/README.md"));
        var table = page[page.IndexOf("| key |", StringComparison.Ordinal)..];
        var keys = SettingRow().Matches(table).Select(match => match.Groups["key"].Value);
        Assert.Equal(Kosha.Daemon.KoshaOptions.Keys.Order(StringComparer.Ordinal), keys.Order(StringComparer.Ordinal));
    }

    [GeneratedRegex(@"^\| `(?<key>[A-Z][\w:-]*)` \|", RegexOptions.Multiline)]
    private static partial Regex SettingRow();

    [GeneratedRegex(@"(?<![.\w])interface\s")]
    private static partial Regex InterfaceHeader();

    [GeneratedRegex(
        @"\b(select\s[^;]*\sfrom|insert\s+into|update\s+\w+\s+set|delete\s+from|(create|alter|drop)\s+(table|index))\s",
        RegexOptions.IgnoreCase)]
    private static partial Regex Sql();

    [GeneratedRegex(@"\b(HttpContext|HttpRequest|HttpResponse|Microsoft\.AspNetCore)\b")]
    private static partial Regex Http();

    [GeneratedRegex(@"\b(TODO|FIXME|XXX|HACK)\b")]
    private static partial Regex Unfinished();

    [GeneratedRegex(@"\bNotImplementedException\b")]
    private static partial Regex UnfinishedCode();

    [GeneratedRegex(@"^\s*#region\b", RegexOptions.Multiline)]
    private static partial Regex Region();

    [GeneratedRegex(@"^[ \t]*//(?!/)[^\n]*[;{}][ \t]*$", RegexOptions.Multiline)]
    private static partial Regex CommentedCode();

    [GeneratedRegex(@"\b(Thread\.Sleep|Task\.Delay|Assert\.Skip\w*|Skip\s*=|SkipWhen|SkipUnless)\b")]
    private static partial Regex SleepOrSkip();

    [GeneratedRegex(
        @"^((public|private|internal|protected)\s+)*static\s+(?!(readonly|partial|extern)\b)"
        + @"[\w<>?,.\[\]\s]+\s\w+\s*(=(?!>)|$)")]
    private static partial Regex StaticField();

    [GeneratedRegex(
        @"(?<![\w.$}])/(work|root)/\w|/home/\w|/Users/\w|https?://[\w.-]*(nuget|npmjs|pypi|registry)[\w.-]*")]
    private static partial Regex ForeignPlace();

    [GeneratedRegex(@"^\d+(\.\d+)+(-[\w.]+)?$")]
    private static partial Regex ExactVersion();
}
