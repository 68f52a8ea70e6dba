using Kosha.Storage;
using Kosha.Storage.Tree;
using Kosha.WebDav.Xml;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Methods;

/// <summary>PROPPATCH (RFC 4918, 9.2): all instructions or none.</summary>
internal sealed class PropPatch(NodeTree tree)
{
    private const int Ok = StatusCodes.Status200OK;
    private const int Forbidden = StatusCodes.Status403Forbidden;
    private const int FailedDependency = StatusCodes.Status424FailedDependency;
    private const int NoRoom = StatusCodes.Status507InsufficientStorage;

    public async Task AnswerAsync(DavRequest request)
    {
        var instructions = await PropPatchBody.ReadAsync(request.Http.Request, request.Aborted);
        var draft = new PropertyDraft();
        var results = new int[instructions.Count];
        for (var i = 0; i < results.Length; i++)
            results[i] = draft.Take(instructions[i]);
        var isFolder = await ChangeAsync(request, instructions, draft, results);
        await WriteAsync(request, isFolder, instructions, results);
    }

    /// <summary>Changes the node, unless an instruction has failed already.</summary>
    /// <returns>Whether it is a folder.</returns>
    private async Task<bool> ChangeAsync(
        DavRequest request, IReadOnlyList<PropertyInstruction> instructions, PropertyDraft draft, int[] results)
    {
        if (Array.Exists(results, status => status != Ok))
        {
            var isFolder = await IsFolderAsync(request);
            await tree.CheckAsync(request.Caller, request.Path, request.Conditions, request.Aborted);
            results.AsSpan().Replace(Ok, FailedDependency);
            return isFolder;
        }
        try
        {
            return await tree.ChangePropertiesAsync(
                request.Caller, request.Path, draft.Changes(), request.Conditions, request.Aborted);
        }
        catch (StorageException e) when (e.Fault == StorageFault.LimitReached)
        {
            for (var i = 0; i < results.Length; i++)
                results[i] = draft.Stores(instructions[i]) ? NoRoom : FailedDependency;
            return await IsFolderAsync(request);
        }
    }

    private async Task<bool> IsFolderAsync(DavRequest request) =>
        (await tree.FindAsync(request.Caller, request.Path, request.Aborted) ?? throw DavException.NotFound()).IsFolder;

    private static async Task WriteAsync(
        DavRequest request, bool isFolder, IReadOnlyList<PropertyInstruction> instructions, int[] results)
    {
        request.Response.StatusCode = StatusCodes.Status207MultiStatus;
        using var output = new XmlOutput(request.Response);
        var answer = new MultiStatus(output);
        answer.Begin();
        answer.BeginResponse(DavRequest.HrefOf(request.Http, isFolder));
        foreach (var status in results.Distinct())
        {
            output.Raw("<D:propstat><D:prop>"u8);
            var names = instructions.Where((_, i) => results[i] == status).Select(one => one.Name).Distinct();
            foreach (var name in names)
                output.Raw(name.EmptyElement());
            output.Raw("</D:prop>"u8);
            answer.Status(status);
            if (status == Forbidden)
                output.Raw("<D:error><D:cannot-modify-protected-property/></D:error>"u8);
            output.Raw("</D:propstat>"u8);
        }
        answer.EndResponse();
        answer.End();
        await output.CompleteAsync(request.Aborted);
    }
}
