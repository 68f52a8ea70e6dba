using Kosha.Storage;
using Kosha.Storage.Tree;
using Kosha.WebDav;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Kosha.Tests.WebDav;

public sealed class DavErrorsTests
{
    [Theory]
    [InlineData("GET", StorageFault.NotFound, 404, null)]
    [InlineData("PUT", StorageFault.ParentMissing, 409, null)]
    [InlineData("MKCOL", StorageFault.AlreadyExists, 405, null)]
    [InlineData("COPY", StorageFault.AlreadyExists, 412, null)]
    [InlineData("PUT", StorageFault.WrongKind, 405, null)]
    [InlineData("COPY", StorageFault.WrongKind, 409, null)]
    [InlineData("PUT", StorageFault.InvalidName, 400, null)]
    [InlineData("PUT", StorageFault.ConditionFailed, 412, null)]
    [InlineData("PUT", StorageFault.Locked, 423, "lock-token-submitted")]
    [InlineData("LOCK", StorageFault.Locked, 423, "no-conflicting-lock")]
    [InlineData("UNLOCK", StorageFault.LockTokenUnknown, 409, "lock-token-matches-request-uri")]
    [InlineData("PUT", StorageFault.QuotaExceeded, 507, "quota-not-exceeded")]
    [InlineData("PUT", StorageFault.NoSpace, 507, "sufficient-disk-space")]
    [InlineData("PUT", StorageFault.FileTooLarge, 413, null)]
    [InlineData("PUT", StorageFault.DigestMismatch, 400, null)]
    [InlineData("MOVE", StorageFault.Cycle, 403, null)]
    [InlineData("DELETE", StorageFault.RootIsFixed, 403, null)]
    [InlineData("GET", StorageFault.CredentialRevoked, 401, null)]
    [InlineData("GET", StorageFault.NotAllowed, 403, null)]
    [InlineData("PUT", StorageFault.BytesMissing, 409, null)]
    [InlineData("PUT", StorageFault.UploadOver, 410, null)]
    [InlineData("LOCK", StorageFault.LimitReached, 403, null)]
    [InlineData("PUT", StorageFault.LimitReached, 507, null)]
    [InlineData("GET", StorageFault.Damaged, 500, null)]
    [InlineData("GET", StorageFault.Unavailable, 503, null)]
    public void Each_fault_has_one_answer(string method, StorageFault fault, int status, string? condition)
    {
        var refusal = DavErrors.Translate(method, new StorageException(fault, "why"));
        Assert.Equal((status, condition, "why"), (refusal.Status, refusal.Condition, refusal.Message));
    }

    [Fact]
    public void No_fault_is_forgotten() =>
        Assert.All(Enum.GetValues<StorageFault>().Except([StorageFault.Damaged]), fault =>
            Assert.NotEqual(500, DavErrors.Translate("PUT", new StorageException(fault, "")).Status));

    [Fact]
    public void A_lock_in_the_way_is_named_by_its_encoded_path()
    {
        var error = new StorageException(StorageFault.Locked, "") { LockedPath = NodePath.FromNames(["a b"]) };
        Assert.Equal(["/dav/a%20b"], DavErrors.Translate("PUT", error).Hrefs);
    }

    [Fact]
    public void The_web_server_keeps_its_own_statuses_and_a_bug_tells_nothing()
    {
        Assert.Equal(408, DavErrors.Translate("PUT", new BadHttpRequestException("slow", 408)).Status);
        var bug = DavErrors.Translate("PUT", new InvalidOperationException("secret"));
        Assert.Equal(500, bug.Status);
        Assert.DoesNotContain("secret", bug.Message, StringComparison.Ordinal);
    }
}
