using System.Runtime.CompilerServices;
using Kosha.Storage.Blobs;

namespace Kosha.Tests.Storage;

/// <summary>
/// The real store, with something happening after a put, a copy, a look or a list, or before a read, a
/// signature, or a look at the identity or a new one.
/// </summary>
public sealed class MeddlingStore(IBlobStore store) : IBlobStore
{
    public Func<int, Task> AfterPut { get; init; } = _ => Task.CompletedTask;

    public Func<string, Task> BeforeOpen { get; init; } = _ => Task.CompletedTask;

    public Func<string, Task> AfterFindSize { get; init; } = _ => Task.CompletedTask;

    /// <summary>What clients can do; null: as the real store says.</summary>
    public DirectPuts? Direct { get; init; }

    public Func<Task> BeforeSign { get; init; } = () => Task.CompletedTask;

    public Func<Task> AfterCopy { get; init; } = () => Task.CompletedTask;

    public Func<Task> AfterList { get; init; } = () => Task.CompletedTask;

    public Func<Task> BeforeFindIdentity { get; init; } = () => Task.CompletedTask;

    public Func<Task> BeforePutIdentity { get; init; } = () => Task.CompletedTask;

    public int Puts { get; private set; }

    /// <summary>The real store is its owner's.</summary>
    public void Dispose()
    {
    }

    public string Name => store.Name;

    public string Key(BlobId id, int generation) => store.Key(id, generation);

    public Task CheckAsync(CancellationToken ct) => store.CheckAsync(ct);

    public async Task PutAsync(string key, Spool spool, CancellationToken ct)
    {
        await store.PutAsync(key, spool, ct);
        await AfterPut(++Puts);
    }

    public async Task<Stream> OpenAsync(string key, BlobPart part, CancellationToken ct)
    {
        await BeforeOpen(key);
        return await store.OpenAsync(key, part, ct);
    }

    public Task<Uri?> FindLinkAsync(string key, LinkedContent content, TimeSpan lifetime, CancellationToken ct) =>
        store.FindLinkAsync(key, content, lifetime, ct);

    public async Task<DirectPuts> DirectPutsAsync(CancellationToken ct) => Direct ?? await store.DirectPutsAsync(ct);

    public async Task<SignedPut> SignPutAsync(
        string key, BlobId sha256, long size, TimeSpan lifetime, CancellationToken ct)
    {
        await BeforeSign();
        return await store.SignPutAsync(key, sha256, size, lifetime, ct);
    }

    public MultipartUploads? Multipart => store.Multipart;

    public Task<StagedObject?> FindStagedAsync(string key, CancellationToken ct) => store.FindStagedAsync(key, ct);

    public async Task<Stream> OpenStagedAsync(StagedObject staged, CancellationToken ct)
    {
        await BeforeOpen(staged.Key);
        return await store.OpenStagedAsync(staged, ct);
    }

    public async Task CopyAsync(StagedObject source, string target, CancellationToken ct)
    {
        await store.CopyAsync(source, target, ct);
        await AfterCopy();
    }

    public IAsyncEnumerable<StoredObject> ListStagedAsync(CancellationToken ct) => store.ListStagedAsync(ct);

    public async Task<long?> FindSizeAsync(string key, CancellationToken ct)
    {
        var size = await store.FindSizeAsync(key, ct);
        await AfterFindSize(key);
        return size;
    }

    public Task DeleteAsync(string key, CancellationToken ct) => store.DeleteAsync(key, ct);

    public async IAsyncEnumerable<StoredObject> ListAsync([EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var stored in store.ListAsync(ct))
            yield return stored;
        await AfterList();
    }

    public Task<bool?> IsEmptyAsync(CancellationToken ct) => store.IsEmptyAsync(ct);

    public bool IsBlobKey(string key) => store.IsBlobKey(key);

    public async Task<StoreIdentity?> FindIdentityAsync(CancellationToken ct)
    {
        await BeforeFindIdentity();
        return await store.FindIdentityAsync(ct);
    }

    public async Task<bool> PutIdentityAsync(StoreIdentity identity, bool replace, CancellationToken ct)
    {
        await BeforePutIdentity();
        return await store.PutIdentityAsync(identity, replace, ct);
    }
}
