using System.Text;
using Kosha.WebDav;
using Kosha.WebDav.Xml;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Kosha.Tests.WebDav;

public sealed class BodyReaderTests
{
    private static BodyReader Reader(string xml) => new(new MemoryStream(Encoding.UTF8.GetBytes(xml)));

    private static void ReadAll(string xml)
    {
        using var reader = Reader(xml);
        while (reader.Read())
        {
        }
    }

    private static int StatusOf(string xml) => Assert.Throws<DavException>(() => ReadAll(xml)).Status;

    [Theory]
    [InlineData("<a>")]
    [InlineData("<a/><b/>")]
    [InlineData("text")]
    [InlineData("<p:a/>")]
    [InlineData("<a>&b;</a>")]
    [InlineData("<!DOCTYPE a><a/>")]
    [InlineData("<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>")]
    public void Bad_XML_is_400(string xml) => Assert.Equal(400, StatusOf(xml));

    [Theory]
    [InlineData("\xF5")]
    [InlineData("\xF2\xB2")]
    [InlineData("\x01")]
    public void Letters_that_cannot_be_are_400_wherever_they_are_read(string letters)
    {
        // Long enough that the reader reaches them only when the text is asked for.
        foreach (var before in new[] { 0, 6, 5000 })
        {
            var xml = $"<r><a>1{new string('7', before)}{letters}00</a>\n</r>";
            using var reader = new BodyReader(new MemoryStream(Encoding.Latin1.GetBytes(xml)));
            Assert.Equal(400, Assert.Throws<DavException>(() =>
            {
                reader.Read();
                reader.Read();
                reader.CopyElement(out _);
            }).Status);
        }
    }

    [Fact]
    public void Depth_is_limited()
    {
        static string Nested(int depth) =>
            string.Concat(Enumerable.Repeat("<a>", depth)) + string.Concat(Enumerable.Repeat("</a>", depth));
        ReadAll(Nested(BodyReader.MaxDepth));
        Assert.Equal(400, StatusOf(Nested(BodyReader.MaxDepth + 2)));
    }

    [Fact]
    public void The_number_of_elements_is_limited()
    {
        static string Many(int count) => "<a>" + string.Concat(Enumerable.Repeat("<b/>", count - 1)) + "</a>";
        ReadAll(Many(BodyReader.MaxElements));
        Assert.Equal(400, StatusOf(Many(BodyReader.MaxElements + 1)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Bytes_are_limited_whether_announced_or_not(bool announced)
    {
        var http = new DefaultHttpContext();
        http.Request.Body = new MemoryStream(new byte[BodyReader.MaxBytes + 1]);
        http.Request.ContentLength = announced ? BodyReader.MaxBytes + 1 : null;
        var refusal = await Assert.ThrowsAsync<DavException>(() => BodyReader.OpenAsync(http.Request, default));
        Assert.Equal(413, refusal.Status);
    }

    [Fact]
    public async Task An_empty_body_is_none()
    {
        var http = new DefaultHttpContext();
        http.Request.Body = new MemoryStream();
        Assert.Null(await BodyReader.OpenAsync(http.Request, default));
    }

    [Theory]
    [InlineData("<r><a xmlns='n'>x</a></r>", "<a xmlns=\"n\">x</a>")]
    [InlineData("<r xmlns:p='n'><p:a q='1' p:w='2'><p:b/>t&amp;<![CDATA[<]]></p:a></r>",
        "<p:a q=\"1\" p:w=\"2\" xmlns:p=\"n\"><p:b />t&amp;&lt;</p:a>")]
    [InlineData("<r xmlns='d' xml:lang='de'><a/></r>", "<a xml:lang=\"de\" xmlns=\"d\" />")]
    [InlineData("<r xml:lang='de'><a xml:lang='en'>x</a></r>", "<a xml:lang=\"en\">x</a>")]
    [InlineData("<r><a>1\r\n 2<!-- c --></a></r>", "<a>1\n 2</a>")]
    [InlineData("<r><a>\U00010000</a></r>", "<a>\U00010000</a>")]
    public void A_copied_element_stands_alone(string xml, string expected)
    {
        using var reader = Reader(xml);
        reader.Read();
        reader.Read();
        Assert.Equal(expected, reader.CopyElement(out _));
        Assert.True(reader.Read());
        Assert.False(reader.IsElement);
    }

    [Fact]
    public void PROPFIND_bodies()
    {
        var named = PropFindBody.Read(Reader(
            "<propfind xmlns='DAV:'><x/><prop><getetag><y/></getetag><z xmlns='n'/></prop></propfind>"));
        Assert.Equal(PropFindKind.Prop, named.Kind);
        Assert.Equal([PropertyName.Dav("getetag"), new PropertyName("n", "z")], named.Names);
        var all = PropFindBody.Read(Reader(
            "<propfind xmlns='DAV:'><allprop/><include><quota-used-bytes/></include></propfind>"));
        Assert.Equal(PropFindKind.AllProp, all.Kind);
        Assert.Equal([PropertyName.Dav("quota-used-bytes")], all.Names);
    }

    [Theory]
    [InlineData("<propfind xmlns='DAV:'/>")]
    [InlineData("<propfind xmlns='DAV:'><allprop/><propname/></propfind>")]
    [InlineData("<propfind xmlns='other:'><allprop/></propfind>")]
    [InlineData("<allprop xmlns='DAV:'/>")]
    public void PROPFIND_bodies_that_are_400(string xml) =>
        Assert.Equal(400, Assert.Throws<DavException>(() => PropFindBody.Read(Reader(xml))).Status);

    [Fact]
    public void PROPPATCH_bodies_keep_the_order()
    {
        var found = PropPatchBody.Read(Reader(
            "<propertyupdate xmlns='DAV:'><set><prop><a xmlns='n'>1</a><b/></prop></set>"
            + "<remove><prop><a xmlns='n'/></prop></remove></propertyupdate>"));
        Assert.Equal(["{n}a", "{DAV:}b", "{n}a"], found.Select(one => one.Name.Key));
        Assert.Equal(["1", "", ""], found.Select(one => one.Text));
        Assert.Equal([false, false, true], found.Select(one => one.Xml is null));
    }

    [Fact]
    public void LOCK_bodies()
    {
        var found = LockBody.Read(Reader(
            "<D:lockinfo xmlns:D='DAV:'><D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype>"
            + "<D:owner><D:href>me</D:href></D:owner></D:lockinfo>"));
        Assert.False(found.IsExclusive);
        Assert.Equal("<D:owner xmlns:D=\"DAV:\"><D:href>me</D:href></D:owner>", found.Owner);
    }

    [Theory]
    [InlineData("<lockinfo xmlns='DAV:'><lockscope><exclusive/></lockscope></lockinfo>")]
    [InlineData("<lockinfo xmlns='DAV:'><locktype><write/></locktype></lockinfo>")]
    public void LOCK_bodies_that_are_400(string xml) =>
        Assert.Equal(400, Assert.Throws<DavException>(() => LockBody.Read(Reader(xml))).Status);
}
