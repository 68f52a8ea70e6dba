using System.Text;
using System.Xml.Linq;
using Kosha.Storage.Tree;
using Kosha.WebDav.Xml;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Kosha.Tests.WebDav;

/// <summary>What is written by hand must be XML whatever stands in it, and small where clients count.</summary>
public sealed class AnswerTests
{
    private static readonly FileNode File = new()
    {
        Id = 1234567,
        ParentId = 1,
        Name = "Quarterly report, final version (2).docx",
        Size = 1_234_567,
        Etag = Guid.Parse("0123456789abcdef0123456789abcdef"),
        CreatedAt = new DateTime(2024, 1, 2, 3, 4, 5, DateTimeKind.Utc),
        ModifiedAt = new DateTime(2024, 1, 2, 3, 4, 5, DateTimeKind.Utc),
    };

    private static async Task<string> WriteAsync(Action<XmlOutput> write)
    {
        var http = new DefaultHttpContext();
        var body = new MemoryStream();
        http.Response.Body = body;
        using (var output = new XmlOutput(http.Response))
        {
            write(output);
            await output.CompleteAsync(default);
        }
        await http.Response.BodyWriter.FlushAsync();
        Assert.Equal(body.Length, http.Response.ContentLength);
        return Encoding.UTF8.GetString(body.ToArray());
    }

    private static Task<string> ListAsync(FileNode node, PropFindBody body, bool isExplorer = false) =>
        WriteAsync(output =>
        {
            var answer = new MultiStatus(output);
            answer.Begin();
            answer.BeginResponse("/dav/Some%20folder/", node.Name, node.IsFolder);
            PropertySelection.For(body, isExplorer, showsDead: true).Write(output, new ResponseEntry { Node = node });
            answer.EndResponse();
            answer.End();
        });

    private static PropFindBody Named(params PropertyName[] names) => new(PropFindKind.Prop, names);

    private static readonly PropFindBody AllProp = new(PropFindKind.AllProp, []);

    [Theory]
    [InlineData("a<b>&\"c'd]]>", "a&lt;b&gt;&amp;&quot;c'd]]&gt;")]
    [InlineData("\u00E9\U0001F600", "\u00E9\U0001F600")]
    [InlineData("a\uFFFE\uFFFF\u0001\0b", "a\uFFFD\uFFFD\uFFFD\uFFFDb")]
    public async Task Text_is_escaped(string text, string expected) =>
        Assert.Equal(expected, await WriteAsync(output => output.Text(text)));

    [Fact]
    public async Task A_long_body_grows_beyond_the_buffer_unharmed()
    {
        var text = string.Concat(Enumerable.Range(0, 50_000).Select(i => (char)('a' + (i % 26))));
        Assert.Equal(text, await WriteAsync(output => output.Raw(text)));
    }

    private static FileNode WithAttributes(string value) => File with
    {
        Properties = $$"""
            {"{urn:schemas-microsoft-com:}Win32FileAttributes":
            "<Z:Win32FileAttributes xmlns:Z=\"urn:schemas-microsoft-com:\">{{value}}</Z:Win32FileAttributes>"}
            """,
    };

    [Fact]
    public async Task Explorer_gets_at_most_400_bytes_for_an_entry()
    {
        // Explorer marks each file that it writes as one to be archived.
        foreach (var node in new[] { File, WithAttributes("00000020"), WithAttributes("00000080") })
        {
            var xml = await ListAsync(node, AllProp, isExplorer: true);
            var start = xml.IndexOf("<D:response>", StringComparison.Ordinal);
            var plain = xml[start..xml.IndexOf("</D:multistatus>", StringComparison.Ordinal)];
            Assert.InRange(Encoding.UTF8.GetByteCount(plain), 1, 400);
        }
    }

    [Theory]
    [InlineData("00000021")]
    [InlineData("00000022")]
    [InlineData("00000026")]
    [InlineData("nonsense")]
    public async Task Explorer_learns_what_is_hidden_read_only_or_of_the_system(string attributes) =>
        Assert.Contains($">{attributes}</Z:Win32FileAttributes>",
            await ListAsync(WithAttributes(attributes), AllProp, isExplorer: true), StringComparison.Ordinal);

    [Fact]
    public async Task Names_that_hurt_come_back_whole()
    {
        var node = File with { Name = "<&>\"' %+#?\u00E9\U0001F600\uFFFE" + new string('\u4E2D', 70) };
        var item = Infrastructure.Multistatus.Parse(await ListAsync(node, AllProp)).Single;
        Assert.Equal(node.Name, item.Name);
        Assert.Equal(node.Name.Replace('\uFFFE', '\uFFFD'), item.Value("displayname"));
    }

    [Fact]
    public async Task What_is_named_and_missing_is_404_and_only_that()
    {
        var body = Named(PropertyName.Dav("getetag"), new PropertyName("a&b", "c"), new PropertyName("", "d"));
        var item = Infrastructure.Multistatus.Parse(await ListAsync(File, body)).Single;
        Assert.Equal([200, 404, 404], item.Properties.Values.Select(property => property.Status));
        Assert.Equal(["getetag", "c", "d"], item.Properties.Keys.Select(name => name.LocalName));
        var none = Infrastructure.Multistatus.Parse(await ListAsync(File, Named(new PropertyName("x", "y")))).Single;
        Assert.Equal([404], none.Properties.Values.Select(property => property.Status));
    }

    [Fact]
    public async Task Dead_properties_stand_beside_live_ones()
    {
        var node = File with
        {
            Properties = """
                {"{n}a":"<a xmlns=\"n\">1</a>",
                "{DAV:}displayname":"<D:displayname xmlns:D=\"DAV:\">Other</D:displayname>"}
                """,
        };
        var all = Infrastructure.Multistatus.Parse(await ListAsync(node, AllProp)).Single;
        Assert.Equal("1", all.Value((XName)"{n}a"));
        Assert.Equal("Other", all.Value("displayname"));
        var propName = new PropFindBody(PropFindKind.PropName, []);
        var names = Infrastructure.Multistatus.Parse(await ListAsync(node, propName)).Single;
        Assert.Contains("{n}a", names.Properties.Keys.Select(name => name.ToString()));
        Assert.All(names.Properties.Values, property => Assert.Empty(property.Element.Nodes()));
    }

    [Fact]
    public async Task Checksums_are_left_out_while_unknown_and_constant_for_nothing()
    {
        var body = Named(PropertyName.OwnCloud("checksums"));
        var name = Infrastructure.Multistatus.OwnCloud + "checksums";
        Assert.Null(Infrastructure.Multistatus.Parse(await ListAsync(File, body)).Single.Value(name));
        Assert.Equal(
            "SHA1:da39a3ee5e6b4b0d3255bfef95601890afd80709 MD5:d41d8cd98f00b204e9800998ecf8427e",
            Infrastructure.Multistatus.Parse(await ListAsync(File with { Size = 0 }, body)).Single.Value(name));
        var known = File with { Sha1 = new byte[20], Md5 = new byte[16] };
        Assert.Equal(
            $"SHA1:{new string('0', 40)} MD5:{new string('0', 32)}",
            Infrastructure.Multistatus.Parse(await ListAsync(known, body)).Single.Value(name));
    }
}
