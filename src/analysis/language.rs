//! The languages of source files, as SonarQube's analyzers take them by default.

/// A language's key and the suffixes of its files, a line each.
const LANGUAGES: &str = "\
abap abap ab4 flow asprog
apex cls trigger
azureresourcemanager bicep json
c c h
cloudformation json yaml yml
cobol cob cbl cpy
cpp cc cpp cxx c++ h hh hpp hxx h++ ipp
cs cs razor
css css less scss sass
dart dart
docker dockerfile
go go
ipynb ipynb
java java jav
js js jsx mjs cjs vue
json json
jsp jsp jspf jspx
kotlin kt kts
kubernetes yaml yml
objc h m
php php php3 php4 php5 phtml inc
plsql sql pks pkb
py py
ruby rb
rust rs
scala scala
swift swift
terraform tf
ts ts tsx mts cts
tsql sql tsql
vbnet vb
web html htm xhtml cshtml vbhtml aspx ascx rhtml erb shtm shtml cmp twig
xml xml xsd xsl
yaml yaml yml";

/// Keys of the languages that a file of this name may be in.
pub(crate) fn languages_of(file_name: &str) -> impl Iterator<Item = &'static str> + use<> {
    let name = file_name.to_ascii_lowercase();
    // A Dockerfile is known by its name.
    let suffix = name.rsplit_once('.').map_or(name.as_str(), |(_, suffix)| suffix).to_owned();
    let is_name_only = !name.contains('.') && name != "dockerfile";
    LANGUAGES.lines().filter_map(move |line| {
        let mut words = line.split(' ');
        let language = words.next()?;
        (!is_name_only && words.any(|word| word == suffix)).then_some(language)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Plugin;

    #[test]
    fn languages_follow_from_the_name_of_a_file() {
        for (name, expected) in [
            ("main.py", "py"),
            ("Main.JAVA", "java"),
            ("a.b.tsx", "ts"),
            ("x.h", "c cpp objc"),
            ("Dockerfile", "docker"),
            ("py", ""),
            ("Makefile", ""),
            ("logo.png", ""),
            ("", ""),
        ] {
            assert_eq!(Vec::from_iter(languages_of(name)).join(" "), expected, "{name}");
        }
    }

    #[test]
    fn a_plugin_is_needed_for_its_languages() {
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
