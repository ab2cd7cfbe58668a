using System.Collections.Generic;

namespace Shop;

public class Cart
{
    private readonly List<long> prices = new();

    public void Add(long price) => prices.Add(price);

    public long Total()
    {
        long total = 0;
        foreach (var price in prices)
        {
            total += price;
        }
        return total;
    }

    public bool IsEmpty()
    {
        if (prices.Count == 0)
        {
            return true;
        }
        else
        {
            return false;
        }
    }
}
