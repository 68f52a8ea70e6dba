using System.Collections.Frozen;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;
using Kosha.WebDav.Links;
using Kosha.WebDav.Methods;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kosha.WebDav;

/// <summary>The drive at <c>/dav/</c>: WebDAV classes 1, 2 and 3 (RFC 4918) over the signed-in user's tree.</summary>
public static class WebDavEndpoints
{
    /// <summary>The methods of every URL of the drive, as an Allow header names them.</summary>
    public const string Allow =
        "OPTIONS, GET, HEAD, PUT, DELETE, MKCOL, COPY, MOVE, PROPFIND, PROPPATCH, LOCK, UNLOCK";

    /// <summary>Methods that exist somewhere but not here (405); anything else is no method (501).</summary>
    private static readonly FrozenSet<string> Foreign = FrozenSet.Create(
        StringComparer.Ordinal,
        "POST", "PATCH", "TRACE", "CONNECT", "REPORT", "SEARCH", "ACL", "BIND", "UNBIND", "REBIND",
        "MKCALENDAR", "ORDERPATCH", "VERSION-CONTROL", "CHECKIN", "CHECKOUT", "UNCHECKOUT", "MKWORKSPACE", "MKACTIVITY",
        "UPDATE", "LABEL", "MERGE", "BASELINE-CONTROL", "QUERY", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "POLL");

    /// <summary>
    /// Maps <c>/dav</c> and all below, and OPTIONS of the server itself. Whoever authenticates runs before and leaves
    /// a <see cref="Caller"/> in the request's features; OPTIONS needs none, and neither do the links, which stand at
    /// <see cref="LinkEndpoint.Prefix"/>. Services needed: <see cref="NodeTree"/>, <see cref="LockTable"/>,
    /// <see cref="Vault"/>, <see cref="UsageTable"/>, <see cref="LinkSigner"/>, <see cref="TimeProvider"/>.
    /// </summary>
    public static IEndpointConventionBuilder MapWebDav(this IEndpointRouteBuilder endpoints, WebDavOptions options)
    {
        var logger = endpoints.ServiceProvider.GetRequiredService<ILoggerFactory>().CreateLogger("Kosha.WebDav");
        var methods = MethodTable(endpoints.ServiceProvider, options, logger);
        var errors = new DavErrors(http => Find(methods, http.Request.Method)(http), logger);
        var group = endpoints.MapGroup("");
        group.Map(DavUrl.Prefix + "/{**path}", errors.InvokeAsync).WithDisplayName("WebDAV");
        group.MapMethods("/", ["OPTIONS"], Options.AnswerAsync).WithDisplayName("WebDAV OPTIONS of the server");
        group.MapMethods(LinkEndpoint.Prefix + "/{token}", ["GET", "HEAD"], NewLinkEndpoint(endpoints).AnswerAsync)
            .WithDisplayName("Link");
        return group;
    }

    private static LinkEndpoint NewLinkEndpoint(IEndpointRouteBuilder endpoints)
    {
        var services = endpoints.ServiceProvider;
        return new(services.GetRequiredService<Vault>(), services.GetRequiredService<LinkSigner>(),
            services.GetRequiredService<TimeProvider>());
    }

    private static FrozenDictionary<string, RequestDelegate> MethodTable(
        IServiceProvider services, WebDavOptions options, ILogger logger)
    {
        var tree = services.GetRequiredService<NodeTree>();
        var locks = services.GetRequiredService<LockTable>();
        var vault = services.GetRequiredService<Vault>();
        var usage = services.GetRequiredService<UsageTable>();
        var time = services.GetRequiredService<TimeProvider>();
        var links = new ContentLinks(vault, services.GetRequiredService<LinkSigner>(), time, options);
        return new Dictionary<string, RequestDelegate>
        {
            ["OPTIONS"] = Options.AnswerAsync,
            ["GET"] = Bind(new Get(tree, vault, links).AnswerAsync),
            ["HEAD"] = Bind(new Get(tree, vault, links).AnswerAsync),
            ["PUT"] = BindWrite(new Put(vault, locks, time, logger).AnswerAsync),
            ["DELETE"] = BindWrite(new Delete(tree).AnswerAsync),
            ["MKCOL"] = BindWrite(new MkCol(tree).AnswerAsync),
            ["COPY"] = BindWrite(new Copy(tree).AnswerAsync),
            ["MOVE"] = BindWrite(new Move(tree).AnswerAsync),
            ["PROPFIND"] = Bind(new PropFind(tree, locks, usage, links, time, options).AnswerAsync),
            ["PROPPATCH"] = BindWrite(new PropPatch(tree).AnswerAsync),
            ["LOCK"] = BindWrite(new Methods.Lock(locks, time).AnswerAsync),
            ["UNLOCK"] = BindWrite(new Unlock(locks).AnswerAsync),
        }.ToFrozenDictionary(StringComparer.Ordinal);

        RequestDelegate Bind(Func<DavRequest, Task> answer) => async http =>
            await answer(await MatchCaseAsync(tree, DavRequest.Read(http, CallerOf(http), options)));

        // Here, too, because some read a body before they come to the tree.
        RequestDelegate BindWrite(Func<DavRequest, Task> answer) => http =>
        {
            CallerOf(http).RequireWrite();
            return Bind(answer)(http);
        };
    }

    private static Caller CallerOf(HttpContext http) => http.Features.Get<Caller>()
        ?? throw new StorageException(StorageFault.CredentialRevoked, "Sign in first.");

    /// <summary>Explorer knows no case: it gets the only match where the exact name is not there.</summary>
    private static async ValueTask<DavRequest> MatchCaseAsync(NodeTree tree, DavRequest request)
    {
        if (!request.IsExplorer)
            return request;
        var (caller, aborted) = (request.Caller, request.Aborted);
        return request with
        {
            Path = await tree.MatchCaseAsync(caller, request.Path, keepLast: false, aborted),
            Destination = request.Destination is { } target
                ? await tree.MatchCaseAsync(caller, target, keepLast: true, aborted)
                : null,
        };
    }

    private static RequestDelegate Find(FrozenDictionary<string, RequestDelegate> methods, string method)
    {
        if (methods.TryGetValue(method, out var answer))
            return answer;
        throw Foreign.Contains(method)
            ? new DavException(405, $"{method} is not possible here.")
            : new DavException(501, "The method is unknown.");
    }
}
