namespace Kosha.Tests.Daemon;

/// <summary>Time that stands until a test moves it.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly List<ManualTimer> timers = [];
    private long ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => ticks;

    /// <summary>Moves on, and runs each timer that is due, once.</summary>
    public void Move(TimeSpan by)
    {
        ticks += by.Ticks;
        foreach (var timer in timers.Where(timer => timer.IsDue(ticks)).ToList())
            timer.Run(ticks);
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(() => callback(state), ticks + dueTime.Ticks, period);
        timers.Add(timer);
        return timer;
    }

    private sealed class ManualTimer(Action work, long due, TimeSpan period) : ITimer
    {
        private long? due = due;

        public bool IsDue(long now) => due <= now;

        public void Run(long now)
        {
            due = now + period.Ticks;
            work();
        }

        public bool Change(TimeSpan dueTime, TimeSpan period) => throw new NotSupportedException();

        public void Dispose() => due = null;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
