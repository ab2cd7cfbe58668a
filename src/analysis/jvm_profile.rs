//! Options of the Java virtual machine that suit what is analysed.
//!
//! A short analysis is over before the optimising compiler has paid for itself, and its heap is small: the
//! fast compiler alone and the serial collector halve its processor time (docs/performance.md).
//! A long one is left to Java's own choice.

/// Source files of a project, as far as they were counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceSize {
    /// Files.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
}

impl SourceSize {
    /// Up to here an analysis is short: about 40,000 lines.
    pub const SMALL: Self = Self { files: 500, bytes: 1_500_000 };

    /// Whether it is a small project.
    pub fn is_small(self) -> bool {
        self.files <= Self::SMALL.files && self.bytes <= Self::SMALL.bytes
    }
}

/// The task input `jvmProfile`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum JvmProfile {
    /// By the size of the project.
    #[default]
    Auto,
    /// Java's own choice.
    Default,
}

const FAST_COMPILER: &str = "-XX:TieredStopAtLevel=1";
const SERIAL_COLLECTOR: &str = "-XX:+UseSerialGC";

/// The options, before the user's own, which win. `given` is every text in which the user gives Java options:
/// two collectors at once are refused by Java, so one that is chosen there stays alone.
pub fn options(profile: JvmProfile, size: SourceSize, given: &[&str]) -> Vec<&'static str> {
    if profile == JvmProfile::Default || !size.is_small() {
        return Vec::new();
    }
    let chosen = |prefix: &str, suffix: &str| {
        given
            .iter()
            .flat_map(|text| text.split_whitespace())
            .any(|option| option.strip_prefix(prefix).is_some_and(|rest| rest.ends_with(suffix)))
    };
    let mut options = vec![FAST_COMPILER];
    if !chosen("-XX:+Use", "GC") {
        options.push(SERIAL_COLLECTOR);
    }
    options
}

/// Whether the name of a file says that it is source code some analyzer reads.
pub fn is_source(file_name: &str) -> bool {
    const SUFFIXES: &[&str] = &[
        "abap", "bicep", "c", "cc", "cls", "cob", "cpp", "cs", "css", "cxx", "dart", "go", "groovy", "h",
        "hpp", "htm", "html", "ipynb", "java", "js", "json", "jsx", "kt", "kts", "less", "m", "mjs", "php",
        "pl", "ps1", "py", "rb", "rs", "sass", "scala", "scss", "sh", "sql", "swift", "tf", "ts", "tsx",
        "vb", "vue", "xhtml", "xml", "yaml", "yml",
    ];
    file_name
        .rsplit_once('.')
        .is_some_and(|(_, suffix)| SUFFIXES.binary_search(&suffix.to_ascii_lowercase().as_str()).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices() {
        let small = SourceSize { files: 12, bytes: 34_000 };
        let both = vec![FAST_COMPILER, SERIAL_COLLECTOR];
        for (profile, size, given, expected) in [
            (JvmProfile::Auto, small, vec![], both.clone()),
            (JvmProfile::Auto, SourceSize::SMALL, vec![], both.clone()),
            (JvmProfile::Auto, SourceSize { files: 501, bytes: 1 }, vec![], vec![]),
            (JvmProfile::Auto, SourceSize { files: 1, bytes: 1_500_001 }, vec![], vec![]),
            (JvmProfile::Default, small, vec![], vec![]),
            (JvmProfile::Auto, small, vec!["-Xmx1g -XX:+UseG1GC"], vec![FAST_COMPILER]),
            (JvmProfile::Auto, small, vec!["", "-XX:+UseZGC"], vec![FAST_COMPILER]),
            (JvmProfile::Auto, small, vec!["-XX:+UseStringDeduplication -Xmx1g"], both),
        ] {
            assert_eq!(options(profile, size, &given), expected, "{profile:?} {size:?} {given:?}");
        }
    }

    #[test]
    fn source_files() {
        for (name, expected) in
            [("a.py", true), ("A.JAVA", true), ("x.tsx", true), ("logo.png", false), ("Makefile", false)]
        {
            assert_eq!(is_source(name), expected, "{name}");
        }
    }
}
