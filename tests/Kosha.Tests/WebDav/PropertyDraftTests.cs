using Kosha.WebDav.Methods;
using Kosha.WebDav.Xml;
using Xunit;

namespace Kosha.Tests.WebDav;

public sealed class PropertyDraftTests
{
    private static PropertyInstruction Set(PropertyName name, string text) => new(name, $"<x>{text}</x>", text);

    [Theory]
    [InlineData("lastmodified", "1500000000")]
    [InlineData("lastmodified", "1500000000.0")]
    [InlineData("getlastmodified", "Fri, 14 Jul 2017 02:40:00 GMT")]
    [InlineData("getlastmodified", "2017-07-14T02:40:00Z")]
    public void Times_in_the_forms_that_clients_write(string local, string text)
    {
        var draft = new PropertyDraft();
        Assert.Equal(200, draft.Take(Set(PropertyName.Dav(local), text)));
        Assert.Equal(DateTime.UnixEpoch.AddSeconds(1500000000), draft.Changes().ModifiedAt);
        Assert.Empty(draft.Changes().Dead);
    }

    [Fact]
    public void What_Explorer_sets_after_a_copy()
    {
        var draft = new PropertyDraft();
        string[] times = ["Win32CreationTime", "Win32LastAccessTime", "Win32LastModifiedTime"];
        foreach (var name in times)
            Assert.Equal(200, draft.Take(Set(PropertyName.Windows(name), "Fri, 14 Jul 2017 02:40:00 GMT")));
        Assert.Equal(200, draft.Take(Set(PropertyName.Windows("Win32FileAttributes"), "00000020")));
        var changes = draft.Changes();
        Assert.Equal(DateTime.UnixEpoch.AddSeconds(1500000000), changes.ModifiedAt);
        Assert.Equal(changes.ModifiedAt, changes.CreatedAt);
        Assert.Equal(2, changes.Dead.Count);
    }

    [Theory]
    [InlineData("getetag", 403)]
    [InlineData("resourcetype", 403)]
    [InlineData("quota-available-bytes", 403)]
    [InlineData("getlastmodified", 409)]
    [InlineData("displayname", 200)]
    [InlineData("anything", 200)]
    public void What_may_be_set_to_nonsense(string local, int status) =>
        Assert.Equal(status, new PropertyDraft().Take(Set(PropertyName.Dav(local), "nonsense")));

    [Fact]
    public void Checksums_beside_a_time_do_not_lose_the_time()
    {
        var draft = new PropertyDraft();
        Assert.Equal(200, draft.Take(Set(PropertyName.OwnCloud("checksums"), "SHA1:x")));
        Assert.Empty(draft.Changes().Dead);
    }

    [Fact]
    public void The_last_word_counts()
    {
        var name = new PropertyName("n", "a");
        var draft = new PropertyDraft();
        draft.Take(Set(name, "1"));
        draft.Take(new PropertyInstruction(name, Xml: null, ""));
        Assert.Equal([new KeyValuePair<string, string?>("{n}a", null)], draft.Changes().Dead);
    }
}
