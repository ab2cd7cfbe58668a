using Xunit;

namespace Shop.Tests;

public class CartTests
{
    [Fact]
    public void TotalOfTwo()
    {
        var cart = new Cart();
        cart.Add(2);
        cart.Add(3);
        Assert.Equal(5, cart.Total());
    }
}
