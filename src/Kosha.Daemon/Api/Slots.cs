using Kosha.Storage;

namespace Kosha.Daemon.Api;

/// <summary>One of the things that <see cref="Slots"/> are counted under.</summary>
/// <param name="Of">Whose they are.</param>
/// <param name="Most">How many there are.</param>
/// <param name="WhenFull">What those hear who find none.</param>
internal readonly record struct Slot(string Of, int Most, string WhenFull);

/// <summary>How much of what is costly one daemon does at once: for each user or visitor, and in all.</summary>
internal sealed class Slots
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, int> taken = [];

    /// <summary>Takes one of each, until what it returns is disposed of. Fault: LimitReached.</summary>
    public IDisposable Enter(params Slot[] wanted)
    {
        lock (gate)
        {
            foreach (var slot in wanted)
            {
                if (taken.GetValueOrDefault(slot.Of) >= slot.Most)
                    throw new StorageException(StorageFault.LimitReached, slot.WhenFull);
            }
            foreach (var slot in wanted)
                taken[slot.Of] = taken.GetValueOrDefault(slot.Of) + 1;
        }
        return new Stay(this, wanted);
    }

    private void Leave(Slot[] held)
    {
        lock (gate)
        {
            // No entry stays behind for those who have none.
            foreach (var slot in held)
            {
                if (taken[slot.Of] == 1)
                    taken.Remove(slot.Of);
                else
                    taken[slot.Of]--;
            }
        }
    }

    private sealed class Stay(Slots slots, Slot[] held) : IDisposable
    {
        public void Dispose() => slots.Leave(held);
    }
}
