namespace Shop;

/// <summary>Prices in cents.</summary>
public static class Price
{
    public static long Net(long gross)
    {
        if (gross < 0)
        {
            throw new System.ArgumentOutOfRangeException(nameof(gross));
        }
        return gross * 100 / 119;
    }

    public static long Discount(long price, int percent)
    {
        if (percent > 50)
        {
            return price / 2;
        }
        return price - price * percent / 100;
    }
}
