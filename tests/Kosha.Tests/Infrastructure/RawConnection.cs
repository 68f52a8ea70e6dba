using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Kosha.Tests.Infrastructure;

/// <summary>A bare socket to the server, for clients that stop, lie or break off.</summary>
public sealed class RawConnection : IDisposable
{
    private readonly Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    private RawConnection()
    {
    }

    /// <summary>The receive buffer is what the kernel takes in while nobody reads.</summary>
    public static async Task<RawConnection> OpenAsync(Uri server, int? receiveBuffer = null)
    {
        var connection = new RawConnection();
        if (receiveBuffer is { } size)
            connection.socket.ReceiveBufferSize = size;
        await connection.socket.ConnectAsync(server.Host, server.Port);
        return connection;
    }

    public Socket Socket => socket;

    public async Task SendAsync(byte[] bytes)
    {
        for (var sent = 0; sent < bytes.Length;)
            sent += await socket.SendAsync(bytes.AsMemory(sent));
    }

    public Task SendAsync(string ascii) => SendAsync(Encoding.Latin1.GetBytes(ascii));

    /// <summary>Sends the head of a request of this user, with its closing empty line.</summary>
    public Task SendHeadAsync(DavClient drive, string method, string path, params string[] headers) =>
        SendAsync(string.Join("\r\n", [
            $"{method} /dav/{path} HTTP/1.1",
            $"Host: {drive.Server.Authority}",
            $"Authorization: {drive.Authorization}",
            .. headers, "", ""]));

    /// <summary>Reads the head of the answer, byte by byte so that the body stays unread.</summary>
    public async Task<string> ReadHeadAsync(int seconds = 30)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await socket.ReceiveAsync(one, limit.Token) == 0)
                throw new IOException($"The server closed the connection after '{head}'.");
            head.Append((char)one[0]);
        }
        return head.ToString();
    }

    /// <summary>Reads the head of the answer for its status.</summary>
    public async Task<int> ReadStatusAsync(int seconds = 30) =>
        int.Parse((await ReadHeadAsync(seconds)).Split(' ')[1], CultureInfo.InvariantCulture);

    /// <summary>Everything until the server closes.</summary>
    public async Task<byte[]> ReadToEndAsync(int seconds = 30)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        using var all = new MemoryStream();
        var buffer = new byte[65536];
        for (int count; (count = await socket.ReceiveAsync(buffer, limit.Token)) > 0;)
            all.Write(buffer, 0, count);
        return all.ToArray();
    }

    /// <summary>Closes with a reset, as a client does that crashes.</summary>
    public void Reset()
    {
        socket.LingerState = new LingerOption(enable: true, seconds: 0);
        socket.Close();
    }

    public void Dispose() => socket.Dispose();
}
