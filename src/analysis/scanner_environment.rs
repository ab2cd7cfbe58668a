//! Properties that users give to SonarSource's scanners by environment variables.
//!
//! Contract: documentation page "Configuring the SonarScanner", and the names the scanners read.

use super::property::Properties;

/// Variables of the established extension that look like properties of a scanner, but are not.
const OF_THE_EXTENSION: &[&str] = &[
    "SONAR_SCANNER_MODE",
    "SONAR_SCANNER_LOCATION",
    "SONAR_SCANNER_REPORTTASKFILE",
    "SONAR_SCANNER_DOTNET_EXE",
    "SONAR_SCANNER_DOTNET_DLL",
];

/// Reads them from variables with upper-case names: `SONAR_SCANNER_JSON_PARAMS`, over it every
/// `SONAR_SCANNER_SOME_NAME` as `sonar.scanner.someName`, and `SONAR_USER_HOME`.
///
/// # Errors
/// `SONAR_SCANNER_JSON_PARAMS` is not a JSON object of strings.
pub(crate) fn read<'a>(
    variables: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Properties, serde_json::Error> {
    let mut properties = Properties::default();
    let mut single = Properties::default();
    for (name, value) in variables {
        match name {
            "SONAR_SCANNER_JSON_PARAMS" => properties = serde_json::from_str(value)?,
            "SONAR_USER_HOME" => single.set("sonar.userHome", value),
            name if OF_THE_EXTENSION.contains(&name) => {}
            name => {
                if let Some(suffix) = name.strip_prefix("SONAR_SCANNER_").filter(|suffix| !suffix.is_empty())
                {
                    single.set(format!("sonar.scanner.{}", camel_case(suffix)), value);
                }
            }
        }
    }
    properties.extend(&single);
    Ok(properties)
}

fn camel_case(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for word in name.split('_').filter(|word| !word.is_empty()) {
        let word = word.to_lowercase();
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if !text.is_empty() => {
                text.extend(first.to_uppercase());
                text.push_str(letters.as_str());
            }
            _ => text.push_str(&word),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_variables_win_over_the_json_variable() {
        let properties = read(
            [
                ("SONAR_SCANNER_JAVA_OPTS", "-Xmx1g"),
                ("SONAR_SCANNER_JSON_PARAMS", r#"{"sonar.scanner.javaOpts":"-Xmx9g","sonar.sources":"src"}"#),
                ("SONAR_SCANNER_SKIP_JRE_PROVISIONING", "true"),
                ("SONAR_SCANNER_MODE", "cli"),
                ("SONAR_USER_HOME", "/cache"),
                ("SONAR_HOST_URL", "http://elsewhere"),
            ]
            .into_iter(),
        )
        .unwrap();
        let pairs: Vec<_> = properties.iter().collect();
        assert_eq!(
            pairs,
            [
                ("sonar.scanner.javaOpts", "-Xmx1g"),
                ("sonar.scanner.skipJreProvisioning", "true"),
                ("sonar.sources", "src"),
                ("sonar.userHome", "/cache"),
            ]
        );
        assert!(read([("SONAR_SCANNER_JSON_PARAMS", "[1]")].into_iter()).is_err());
    }
}
