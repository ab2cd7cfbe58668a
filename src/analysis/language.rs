//! The languages of source files, as SonarQube's analyzers take them by default.

/// Keys of the languages that a file of this name may be in.
pub fn languages_of(file_name: &str) -> &'static [&'static str] {
    let suffix = match file_name.rsplit_once('.') {
        Some((_, suffix)) => suffix.to_ascii_lowercase(),
        None if file_name == "Dockerfile" => return &["docker"],
        None => return &[],
    };
    match suffix.as_str() {
        "abap" | "ab4" | "flow" | "asprog" => &["abap"],
        "bicep" => &["azureresourcemanager"],
        "c" => &["c"],
        "cc" | "cpp" | "cxx" | "c++" | "hh" | "hpp" | "hxx" | "h++" | "ipp" => &["cpp"],
        "cls" => &["apex", "vb"],
        "cob" | "cbl" | "cpy" => &["cobol"],
        "cs" | "razor" => &["cs"],
        "cshtml" | "vbhtml" | "aspx" | "ascx" | "rhtml" | "erb" | "shtm" | "shtml" | "cmp" | "twig"
        | "html" | "htm" | "xhtml" => &["web"],
        "css" | "less" | "scss" | "sass" => &["css"],
        "dart" => &["dart"],
        "dockerfile" => &["docker"],
        "go" => &["go"],
        "h" => &["c", "cpp", "objc"],
        "ipynb" => &["ipynb"],
        "java" | "jav" => &["java"],
        "js" | "jsx" | "mjs" | "cjs" | "vue" => &["js"],
        "json" => &["json", "cloudformation", "azureresourcemanager"],
        "jsp" | "jspf" | "jspx" => &["jsp"],
        "kt" | "kts" => &["kotlin"],
        "m" => &["objc"],
        "php" | "php3" | "php4" | "php5" | "phtml" | "inc" => &["php"],
        "pks" | "pkb" => &["plsql"],
        "py" => &["py"],
        "rb" => &["ruby"],
        "rs" => &["rust"],
        "scala" => &["scala"],
        "sql" => &["plsql", "tsql"],
        "swift" => &["swift"],
        "tf" => &["terraform"],
        "trigger" => &["apex"],
        "ts" | "tsx" | "mts" | "cts" => &["ts"],
        "tsql" => &["tsql"],
        "vb" => &["vbnet"],
        "xml" | "xsd" | "xsl" => &["xml"],
        "yaml" | "yml" => &["yaml", "cloudformation", "kubernetes", "ansible", "githubactions"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Plugin;

    #[test]
    fn languages() {
        let table: [(&str, &[&str]); 8] = [
            ("main.py", &["py"]),
            ("Main.JAVA", &["java"]),
            ("a.b.tsx", &["ts"]),
            ("x.h", &["c", "cpp", "objc"]),
            ("Dockerfile", &["docker"]),
            ("Makefile", &[]),
            ("logo.png", &[]),
            ("", &[]),
        ];
        for (name, expected) in table {
            assert_eq!(languages_of(name), expected, "{name}");
        }
    }

    #[test]
    fn plugins() {
        let plugin = |languages: &[&str]| Plugin {
            key: "x".to_owned(),
            md5: String::new(),
            url: "http://localhost".parse().unwrap(),
            languages: languages.iter().map(|&language| language.to_owned()).collect(),
        };
        assert!(plugin(&[]).is_needed_for(&[]));
        assert!(plugin(&["java", "jsp"]).is_needed_for(&["py", "jsp"]));
        assert!(!plugin(&["java", "jsp"]).is_needed_for(&["py"]));
    }
}
