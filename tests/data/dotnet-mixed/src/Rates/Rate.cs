namespace Rates;

public static class Rate
{
    public static int OfCountry(string country)
    {
        var unused = 1;
        switch (country)
        {
            case "DE":
                return 19;
            case "FR":
                return 20;
            default:
                return 0;
        }
    }
}
