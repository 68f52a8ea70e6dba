using System.Diagnostics;

namespace Kosha.Tests.Infrastructure;

/// <summary>
/// Holds the first work of this process that reaches a step of storage until it is let go, so that two of them meet
/// just where a test wants it.
/// </summary>
public sealed class StepPause : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>, IDisposable
{
    private readonly string step;
    private readonly string subject;
    private readonly TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ManualResetEventSlim released = new();
    private readonly List<IDisposable> subscriptions = [];
    private int count;

    /// <param name="step">One of the names in Kosha.Storage's Steps.</param>
    /// <param name="subject">The object's key that the step must be about.</param>
    public StepPause(string step, string subject)
    {
        this.step = step;
        this.subject = subject;
        subscriptions.Add(DiagnosticListener.AllListeners.Subscribe(this));
    }

    /// <summary>Ends when somebody stands at the step.</summary>
    public Task Reached => reached.Task.WaitAsync(TimeSpan.FromSeconds(60));

    public void Release() => released.Set();

    /// <summary>Holds a piece of work at the step until another one is done, and gives what it came to.</summary>
    public static async Task<T> HoldAsync<T>(string step, string subject, Func<Task<T>> held, Func<Task> meanwhile)
    {
        using var pause = new StepPause(step, subject);
        var work = Task.Run(held);
        await pause.Reached;
        await meanwhile();
        pause.Release();
        return await work;
    }

    public void OnNext(DiagnosticListener value)
    {
        if (value.Name == "Kosha.Storage")
            subscriptions.Add(value.Subscribe(this, name => name == step));
    }

    public void OnNext(KeyValuePair<string, object?> value)
    {
        if (value.Key != step || (string?)value.Value != subject || Interlocked.Increment(ref count) != 1)
            return;
        reached.SetResult();
        released.Wait(TimeSpan.FromSeconds(60));
    }

    public void OnCompleted()
    {
        // Listeners live as long as the process.
    }

    public void OnError(Exception error)
    {
        // Nothing sends errors.
    }

    public void Dispose()
    {
        released.Set();
        subscriptions.ForEach(subscription => subscription.Dispose());
    }
}
