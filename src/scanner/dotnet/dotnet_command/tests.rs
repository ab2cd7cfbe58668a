use super::*;

fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

#[test]
fn feeds_are_read_from_the_list_of_nuget() {
    let said = "Registered Sources:\n  1.  nuget.org [Enabled]\n      https://api.nuget.org/v3/index.json\n  \
                2.  my feed [x] [Disabled]\n      /srv/packages\n";
    let feeds = feeds_in(&lines(said));
    let expected = [("nuget.org", "https://api.nuget.org/v3/index.json"), ("my feed [x]", "/srv/packages")];
    assert_eq!(feeds, expected.map(|(name, place)| (name.to_owned(), place.to_owned())));
    assert_eq!(feeds_in(&lines("No sources found.")), []);
}

#[test]
fn only_the_authors_signature_counts() {
    let author = "Signature type: Author\n  Subject Name: ";
    let sonar = "CN=SonarSource SA, O=SonarSource SA, L=Vernier, S=Genève, C=CH";
    let repository = format!("Signature type: Repository\n  Subject Name: {sonar}");
    for (said, expected) in [
        (format!("Verifying dotnet-sonarscanner.11.3.0\n{author}{sonar}\nSHA256 hash: 40"), true),
        (repository.clone(), false),
        (format!("{author}CN=Other, O=Other\n{repository}"), false),
        (format!("{author}CN=SonarSource SA, O=Other"), false),
        (format!("{author}O=\"x, CN=SonarSource SA, O=SonarSource SA, y\""), false),
        (format!("{author}CN=SonarSource SA2, O=SonarSource SA"), false),
        (String::new(), false),
    ] {
        assert_eq!(is_authors(&lines(&said)), expected, "{said}");
    }
}

#[test]
fn a_failed_installation_says_why_and_what_to_do() {
    let message =
        |text: &str| not_installed("12.1.0", &CommandOutput { code: 1, lines: lines(text) }).to_string();
    insta::assert_snapshot!(message("Unhandled exception: Unable to load the service index for source https://feed.example/v3/index.json."), @"the SonarScanner for .NET 12.1.0 could not be installed, because a NuGet feed could not be reached: Unable to load the service index for source https://feed.example/v3/index.json. Set nugetSource to a feed that this agent can reach (a URL, a folder, or the name of a configured feed). If there is a proxy, configure it for the agent.");
    insta::assert_snapshot!(message("Version 12.1.0 of package dotnet-sonarscanner is not found in NuGet feeds /srv/packages."), @"the SonarScanner for .NET 12.1.0 could not be installed, because the feed does not have this version: Version 12.1.0 of package dotnet-sonarscanner is not found in NuGet feeds /srv/packages. Add the version to that feed, set nugetSource to a feed that has it, or set dotnetScannerVersion to a version that the feed has.");
    insta::assert_snapshot!(message("Unhandled exception: Unable to load the service index for source https://feed.example/.\nResponse status code does not indicate success: 401 (Unauthorized)."), @"the SonarScanner for .NET 12.1.0 could not be installed, because a NuGet feed refused the credentials: Response status code does not indicate success: 401 (Unauthorized). Run the task NuGetAuthenticate@1 before SonarPrepare, or set nugetSource to a feed that the agent can read.");
    insta::assert_snapshot!(message("No space left on device"), @r"
    the SonarScanner for .NET 12.1.0 could not be installed: dotnet tool install ended with exit code 1. The last lines:
    No space left on device
    ");
}
