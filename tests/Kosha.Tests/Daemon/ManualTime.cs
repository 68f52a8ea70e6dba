namespace Kosha.Tests.Daemon;

/// <summary>Time that stands until a test moves it.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly List<ManualTimer> timers = [];
    private long ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => ticks;

    /// <summary>How long it is until the last timer that runs is due.</summary>
    public TimeSpan UntilLast => TimeSpan.FromTicks(timers.Max(timer => timer.Due ?? 0) - ticks);

    /// <summary>Moves on, and runs each timer that is due, once.</summary>
    public void Move(TimeSpan by)
    {
        ticks += by.Ticks;
        foreach (var timer in timers.Where(timer => timer.IsDue(ticks)).ToList())
            timer.Run(ticks);
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, () => callback(state), dueTime, period);
        timers.Add(timer);
        return timer;
    }

    private sealed class ManualTimer(ManualTime time, Action work, TimeSpan dueTime, TimeSpan period) : ITimer
    {
        private long? due = time.ticks + dueTime.Ticks;

        public long? Due => due;

        public bool IsDue(long now) => due <= now;

        public void Run(long now)
        {
            due = period == Timeout.InfiniteTimeSpan ? null : now + period.Ticks;
            work();
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            due = dueTime == Timeout.InfiniteTimeSpan ? null : time.ticks + dueTime.Ticks;
            return true;
        }

        public void Dispose() => due = null;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
