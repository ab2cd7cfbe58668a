//! The SonarScanner for .NET: `begin` before the build, `end` after it.
//!
//! Contract: its documentation page ("SonarScanner for .NET": `/k: /n: /v: /o: /s:`, `SONARQUBE_SCANNER_PARAMS`), and the names of its
//! archives and of the programs in them. An argument is one element of the child's argument list, so nothing
//! is quoted on Unix. On Windows the standard library quotes by the rules of the C runtime, which .NET shares (the tests
//! compare both).

pub mod dotnet_archive;
mod dotnet_command;
mod dotnet_log;
mod dotnet_program;
mod dotnet_run;
pub mod environment;
mod feed;
mod package;
mod tool;

pub use dotnet_command::DotnetCommand;
pub use dotnet_log::LogContext;
pub use dotnet_program::{Start, TOOL, dotnet_in, unpacked};
pub use dotnet_run::{Dotnet, Handed, hand_over, parameters, set_java_options, settings_file};
pub use tool::{FoundTool, Verifier, check_unchanged, installed};

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::dotnet_program::unpacked_on;
    use super::*;
    use crate::analysis::Outcome;
    use crate::analysis::Properties;
    use crate::scanner::ClassArchive;
    use proptest::prelude::*;
    use std::ffi::OsStr;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    fn executable(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn installed_tools_and_unpacked_archives_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str();
        assert_eq!(installed(None, home), []);
        let store = folder.path().join(".dotnet/tools/.store/dotnet-sonarscanner");
        for version in ["12.1.0", "11.3.0-rc.1", "x"] {
            std::fs::create_dir_all(store.join(version)).unwrap();
        }
        let found = installed(Some(OsStr::new("/nowhere")), home);
        assert_eq!(found.iter().map(|tool| tool.version.to_string()).collect::<Vec<_>>(), ["12.1.0"]);
        let in_path = folder.path().join(".dotnet/tools");
        assert_eq!(installed(Some(in_path.as_os_str()), home), found, "the same folder counts once");

        let unpacked = |path: &Path| unpacked(folder.path(), Some(path.as_os_str()));
        assert!(
            unpacked(folder.path())
                .unwrap_err()
                .to_string()
                .contains("does not hold a SonarScanner for .NET")
        );
        let dll = folder.path().join("SonarScanner.MSBuild.dll");
        std::fs::write(&dll, "").unwrap();
        assert!(unpacked(folder.path()).unwrap_err().to_string().contains("PATH has no dotnet"));
        let dotnet = folder.path().join("dotnet");
        executable(&dotnet, "");
        assert_eq!(unpacked(folder.path()).unwrap(), [dotnet, dll].map(|path| path.display().to_string()));
    }

    /// Stand-ins have the names that the programs have on Windows: the .NET Framework archive holds a program, the other one a
    /// library for `dotnet.exe`.
    #[test]
    fn how_an_archive_is_started_on_windows() {
        let folder = tempfile::tempdir().unwrap();
        let unpacked = || unpacked_on(true, folder.path(), Some(folder.path().as_os_str()));
        let dll = folder.path().join("SonarScanner.MSBuild.dll");
        std::fs::write(&dll, "").unwrap();
        executable(&folder.path().join("dotnet"), "");
        assert!(unpacked().unwrap_err().to_string().contains("PATH has no dotnet.exe"));
        let dotnet = folder.path().join("dotnet.exe");
        executable(&dotnet, "");
        assert_eq!(unpacked().unwrap(), [dotnet, dll].map(|path| path.display().to_string()));

        let exe = folder.path().join("SonarScanner.MSBuild.exe");
        executable(&exe, "#!/bin/sh\nprintf '%s\\0' \"$@\" >seen\n");
        let start = unpacked().unwrap();
        assert_eq!(start, [exe.display().to_string()]);
        let arguments =
            ["begin", "/k:shop", "/s:C:\\agent\\_work\\1 a\\SonarQube.Analysis.xml"].map(str::to_owned);
        assert_eq!(received_by(&start, arguments.to_vec(), folder.path()), arguments);
    }

    /// How the scanner reads its arguments, by its documentation.
    fn parse(arguments: &[String]) -> Vec<(String, String)> {
        let named = |text: &str| match text.get(..3)? {
            "/k:" => Some(("sonar.projectKey".to_owned(), text[3..].to_owned())),
            "/n:" => Some(("sonar.projectName".to_owned(), text[3..].to_owned())),
            "/v:" => Some(("sonar.projectVersion".to_owned(), text[3..].to_owned())),
            "/o:" => Some(("sonar.organization".to_owned(), text[3..].to_owned())),
            _ => None,
        };
        arguments.iter().map(|argument| named(argument).unwrap()).collect()
    }

    /// The arguments that a stand-in for the scanner received.
    fn received(arguments: Vec<String>) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("record"), ": >seen\n[ $# = 0 ] || printf '%s\\0' \"$@\" >seen\n")
            .unwrap();
        let start = ["/bin/sh".to_owned(), folder.path().join("record").display().to_string()];
        received_by(&start, arguments, folder.path())
    }

    /// The same for a stand-in that writes them down in `folder`, where it runs.
    fn received_by(start: &[String], arguments: Vec<String>, folder: &Path) -> Vec<String> {
        let run = Dotnet {
            start,
            arguments,
            directory: folder,
            parameters: parameters(&Properties::default()),
            archive: &ClassArchive::Unused,
            facts: LogContext::default(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (_source, cancellation) = crate::cancel::CancelSource::new();
        assert_eq!(runtime.block_on(run.run(&Vec::new(), &cancellation)).unwrap(), Outcome::Succeeded);
        let seen = std::fs::read_to_string(folder.join("seen")).unwrap();
        seen.split_terminator('\0').map(str::to_owned).collect()
    }

    /// One command line, as Rust's standard library makes it on Windows: an argument with a blank, or an empty one, is
    /// put in quotes; backslashes count double before a quote, and a quote is escaped by one.
    fn command_line(arguments: &[String]) -> String {
        let quoted = |argument: &String| {
            let quote = argument.is_empty() || argument.contains([' ', '\t']);
            let mut text = String::from(if quote { "\"" } else { "" });
            let mut backslashes = 0;
            for c in argument.chars() {
                match c {
                    '\\' => backslashes += 1,
                    '"' => text.push_str(&"\\".repeat(std::mem::take(&mut backslashes) + 1)),
                    _ => backslashes = 0,
                }
                text.push(c);
            }
            if quote {
                text.push_str(&"\\".repeat(backslashes));
                text.push('"');
            }
            text
        };
        arguments.iter().map(quoted).collect::<Vec<_>>().join(" ")
    }

    /// The arguments in a command line, by the rules of Microsoft's C runtime, which are those of .NET ("Parsing C
    /// command-line arguments"): 2n backslashes and a quote are n backslashes and a mark, one backslash more makes the
    /// quote a letter, and inside of marks two quotes are one.
    fn arguments_in(line: &str) -> Vec<String> {
        let letters: Vec<char> = line.chars().collect();
        let (mut arguments, mut at) = (Vec::new(), 0);
        while at < letters.len() {
            if matches!(letters[at], ' ' | '\t') {
                at += 1;
                continue;
            }
            let (mut argument, mut inside) = (String::new(), false);
            while at < letters.len() && (inside || !matches!(letters[at], ' ' | '\t')) {
                let backslashes = letters[at..].iter().take_while(|c| **c == '\\').count();
                at += backslashes;
                if letters.get(at) != Some(&'"') {
                    argument.push_str(&"\\".repeat(backslashes));
                    if backslashes == 0 {
                        argument.push(letters[at]);
                        at += 1;
                    }
                    continue;
                }
                argument.push_str(&"\\".repeat(backslashes / 2));
                at += 1;
                if backslashes % 2 == 1 {
                    argument.push('"');
                } else if inside && letters.get(at) == Some(&'"') {
                    argument.push('"');
                    at += 1;
                } else {
                    inside = !inside;
                }
            }
            arguments.push(argument);
        }
        arguments
    }

    /// Microsoft's own examples.
    #[test]
    fn command_lines_of_windows() {
        for (line, expected) in [
            (r#""a b c" d e"#, vec!["a b c", "d", "e"]),
            (r#""ab\"c" "\\" d"#, vec![r#"ab"c"#, r"\", "d"]),
            (r#"a\\\b d"e f"g h"#, vec![r"a\\\b", "de fg", "h"]),
            (r#"a\\\"b c d"#, vec![r#"a\"b"#, "c", "d"]),
            (r#"a\\\\"b c" d e"#, vec![r"a\\b c", "d", "e"]),
            (r#"a"b"" c d"#, vec![r#"ab" c d"#]),
        ] {
            assert_eq!(arguments_in(line), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn arguments_survive_a_command_line_of_windows(
            arguments in proptest::collection::vec("(/[dknv]:)?([a-z.]{0,5}=)?[a-z \t\"';\\\\%^&|<>()é\n]{0,12}\\\\{0,3}", 0..6),
        ) {
            prop_assert_eq!(arguments_in(&command_line(&arguments)), arguments);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn properties_arrive_as_they_are(
            values in proptest::collection::vec("[a-z \"';\\\\$`%^&|<>()=é\n]{0,12}\\\\{0,2}", 1..5),
        ) {
            let keys = ["sonar.projectKey", "sonar.projectName", "sonar.projectVersion", "sonar.organization"];
            let pairs = keys.iter().zip(values).map(|(key, value)| ((*key).to_owned(), value));
            let properties: Properties = pairs.collect();
            let given = properties.iter().filter(|(_, value)| !value.is_empty());
            let expected: Vec<_> = given.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
            prop_assert_eq!(parse(&received(hand_over(&properties).arguments)), expected);
        }
    }
}
