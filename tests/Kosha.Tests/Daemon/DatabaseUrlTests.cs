using Kosha.Daemon.Configuration;
using Npgsql;
using Xunit;

namespace Kosha.Tests.Daemon;

public sealed class DatabaseUrlTests
{
    [Fact]
    public void A_url_is_read_as_other_clients_read_it()
    {
        var read = new NpgsqlConnectionStringBuilder(DatabaseUrl.ToConnectionString(
            "postgresql://jo%40x:p%3A%2Fw%3Bx@db.example:6543/my%20db?sslmode=verify-full&connect_timeout=7"));
        Assert.Equal(("jo@x", "p:/w;x", "db.example", 6543, "my db"),
            (read.Username, read.Password, read.Host, read.Port, read.Database));
        Assert.Equal(SslMode.VerifyFull, read.SslMode);
        Assert.Equal(7, read.Timeout);
    }

    [Fact]
    public void A_url_may_name_a_socket()
    {
        var read = new NpgsqlConnectionStringBuilder(
            DatabaseUrl.ToConnectionString("postgres:///kosha?host=/var/run/postgresql&user=jo"));
        Assert.Equal(("/var/run/postgresql", "jo", "kosha"), (read.Host, read.Username, read.Database));
    }

    [Fact]
    public void Channel_binding_is_kept_and_the_key_s_password_is_masked()
    {
        const string Url = "postgres://jo:s3cret@host/x?channel_binding=require&sslpassword=s3cret";
        var read = new NpgsqlConnectionStringBuilder(DatabaseUrl.ToConnectionString(Url));
        Assert.Equal(ChannelBinding.Require, read.ChannelBinding);
        Assert.DoesNotContain("s3cret", DatabaseUrl.Mask(Url));
    }

    [Theory]
    [InlineData("postgres://jo:s3cret@host:port/x")]
    [InlineData("postgres://jo:s3cret@host/x?sslmode=maybe")]
    [InlineData("postgres://jo:s3cret@host/x?nonsense=1")]
    [InlineData("Hots=x;Password=s3cret")]
    [InlineData("s3cret")]
    public void What_cannot_be_read_is_refused_without_its_secret(string text)
    {
        var refusal = Assert.Throws<FormatException>(() => DatabaseUrl.ToConnectionString(text));
        Assert.DoesNotContain("s3cret", refusal.Message);
        Assert.DoesNotContain("s3cret", DatabaseUrl.Mask(text));
    }
}
