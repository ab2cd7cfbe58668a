use super::*;
use std::io::Write as _;
use zip::write::SimpleFileOptions;

const TOOLS: &str = "tools/netcoreapp3.1/any";

/// A package with these files, and what NuGet unpacks of it.
fn package(folder: &Path, files: &[(&str, &str)]) -> UnpackedPackage {
    let package = folder.join("x.nupkg");
    let mut zip = zip::ZipWriter::new(File::create(&package).unwrap());
    for (name, content) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
        let path = folder.join(name.replace("%20", " "));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    zip.finish().unwrap();
    UnpackedPackage { package, folder: folder.join("tools"), part: "tools/" }
}

fn scanner(folder: &Path) -> UnpackedPackage {
    let dll = format!("{TOOLS}/SonarScanner.MSBuild.dll");
    let targets = format!("{TOOLS}/Targets/with%20blank.targets");
    package(folder, &[("x.nuspec", "<x/>"), (&dll, "the scanner"), (&targets, "<Project/>")])
}

#[test]
fn each_file_must_be_that_of_the_package() {
    let folder = tempfile::tempdir().unwrap();
    let unpacked = scanner(folder.path());
    let sha256 = unpacked.inspect_now(&PackageCheck::Signed).unwrap();
    assert_eq!(unpacked.inspect_now(&PackageCheck::Sha256(sha256.clone())).unwrap(), sha256);
    let dll = folder.path().join(TOOLS).join("SonarScanner.MSBuild.dll");
    assert_eq!(unpacked.program().unwrap(), dll);

    let refusal = || unpacked.inspect_now(&PackageCheck::Signed).unwrap_err().to_string();
    fs::write(&dll, "the skanner").unwrap();
    assert_eq!(refusal(), format!("{} is not the file of the package", dll.display()));
    fs::write(&dll, "the scanner, longer").unwrap();
    assert!(refusal().ends_with("is not the file of the package"));
    fs::remove_file(&dll).unwrap();
    assert!(refusal().starts_with(&dll.display().to_string()));
    #[cfg(unix)]
    {
        let elsewhere = folder.path().join("elsewhere.dll");
        fs::write(&elsewhere, "the scanner").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &dll).unwrap();
        assert!(refusal().ends_with("is not the file of the package"), "a link can be turned later");
        fs::remove_file(&dll).unwrap();
    }
    fs::write(&dll, "the scanner").unwrap();
    for name in ["SonarScanner.MSBuild.deps.json", "Targets/deep/Newtonsoft.Json.dll"] {
        let planted = folder.path().join(TOOLS).join(name);
        fs::create_dir_all(planted.parent().unwrap()).unwrap();
        fs::write(&planted, "").unwrap();
        assert_eq!(refusal(), format!("{} does not belong to the package", planted.display()));
        fs::remove_file(&planted).unwrap();
    }
    unpacked.inspect_now(&PackageCheck::Signed).unwrap();
}

#[test]
fn the_package_must_have_the_expected_hash() {
    let folder = tempfile::tempdir().unwrap();
    let unpacked = scanner(folder.path());
    let refusal = |expected| unpacked.inspect_now(&expected).unwrap_err().to_string();
    assert!(refusal(PackageCheck::Sha256("00".into())).contains(", but 00 was expected"));
    assert!(refusal(PackageCheck::Sha512("AAAA")).contains("is not the package that SonarSource published"));
    // Something behind the last entry is enough.
    let sha256 = unpacked.inspect_now(&PackageCheck::Signed).unwrap();
    let mut content = fs::read(&unpacked.package).unwrap();
    content.push(0);
    fs::write(&unpacked.package, content).unwrap();
    assert!(refusal(PackageCheck::Sha256(sha256)).contains("was expected"));
    fs::write(&unpacked.package, "not a package").unwrap();
    unpacked.inspect_now(&PackageCheck::Signed).unwrap_err();
    fs::remove_file(&unpacked.package).unwrap();
    assert!(refusal(PackageCheck::Signed).starts_with(&unpacked.package.display().to_string()));
}

#[test]
fn an_entry_that_leads_out_of_the_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("x.nupkg");
    let mut zip = zip::ZipWriter::new(File::create(&package).unwrap());
    zip.start_file("tools/%2e%2e/%2e%2e/x", SimpleFileOptions::default()).unwrap();
    zip.finish().unwrap();
    let unpacked = UnpackedPackage { package, folder: folder.path().join("tools"), part: "tools/" };
    let refusal = unpacked.inspect_now(&PackageCheck::Signed).unwrap_err().to_string();
    assert!(refusal.contains("leads out of the package"), "{refusal}");
}

#[test]
fn the_program_for_the_newest_dotnet_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<String> = ["netcoreapp2.1", "net5.0", "netcoreapp3.0", "net10.0", "odd"]
        .map(|framework| format!("tools/{framework}/any/SonarScanner.MSBuild.dll"))
        .into();
    let files: Vec<(&str, &str)> = files.iter().map(|name| (name.as_str(), "")).collect();
    let program = package(folder.path(), &files).program().unwrap();
    assert_eq!(program, folder.path().join("tools/net10.0/any/SonarScanner.MSBuild.dll"));
    let without = package(folder.path(), &[("tools/x", "")]);
    assert!(without.program().unwrap_err().to_string().contains("does not contain SonarScanner.MSBuild.dll"));
}

#[test]
fn the_manifest_tells_which_package_it_is() {
    let version = ToolVersion::parse("11.3.0").unwrap();
    for (manifest, expected) in [
        ("<package><metadata><id>dotnet-sonarscanner</id><version>11.3.0</version>", true),
        ("<package><metadata><id>dotnet-sonarscanner</id><version>11.2.0</version>", false),
        ("<package><metadata><id>SonarAnalyzer.CSharp</id><version>11.3.0</version>", false),
        (
            "<package><!-- <metadata><id>dotnet-sonarscanner</id> --><metadata><version>11.3.0</version>",
            false,
        ),
        ("", false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let unpacked = package(folder.path(), &[("dotnet-sonarscanner.nuspec", manifest)]);
        assert_eq!(unpacked.is_version(version).unwrap(), expected, "{manifest}");
    }
}
