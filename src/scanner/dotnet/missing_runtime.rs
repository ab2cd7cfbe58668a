//! The words of .NET's host when this machine lacks the runtime that a program needs. Its exit code is 150 then (on Windows
//! 0x80008096).

/// The message for it, from the last lines of the program. `None`: that was not the reason.
pub(in crate::scanner) fn message(program: &str, lines: &[String]) -> Option<String> {
    lines.iter().find(|line| line.starts_with("You must install or update .NET to run this application"))?;
    // `Framework: 'Microsoft.NETCore.App', version '3.0.0' (x64)`
    let framework = lines.iter().find_map(|line| line.trim().strip_prefix("Framework: '"));
    let needed = framework.and_then(|text| {
        let (name, rest) = text.split_once("', version '")?;
        Some(format!("{name} {}", rest.split_once('\'')?.0))
    });
    let needed =
        needed.map_or_else(|| "a .NET runtime".to_owned(), |needed| format!("the .NET runtime {needed}"));
    Some(format!(
        "the {program} needs {needed}, which this agent does not have. Remove dotnetScannerVersion, or set it to 11.3.0 or \
         later, which run on every .NET runtime; or install that runtime before SonarPrepare"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_host() {
        let said = "You must install or update .NET to run this application.\n\nApp: /x/SonarScanner.MSBuild.dll\n\
                    Architecture: x64\nFramework: 'Microsoft.NETCore.App', version '3.0.0' (x64)\n.NET location: /opt/";
        let lines: Vec<String> = said.lines().map(str::to_owned).collect();
        insta::assert_snapshot!(message("SonarScanner for .NET", &lines).unwrap(), @"the SonarScanner for .NET needs the .NET runtime Microsoft.NETCore.App 3.0.0, which this agent does not have. Remove dotnetScannerVersion, or set it to 11.3.0 or later, which run on every .NET runtime; or install that runtime before SonarPrepare");
        assert!(message("x", &lines[..1]).unwrap().starts_with("the x needs a .NET runtime, which"));
        assert_eq!(message("x", &lines[1..]), None);
    }
}
