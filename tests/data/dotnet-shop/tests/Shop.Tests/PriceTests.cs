using Xunit;

namespace Shop.Tests;

public class PriceTests
{
    [Fact]
    public void NetOfGross() => Assert.Equal(100, Price.Net(119));

    [Theory]
    [InlineData(10, 90)]
    [InlineData(80, 50)]
    public void DiscountIsHalfAtMost(int percent, long expected) => Assert.Equal(expected, Price.Discount(100, percent));
}
