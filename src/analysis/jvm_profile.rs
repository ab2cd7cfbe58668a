//! Options of the Java virtual machine that suit what is analysed and where.
//!
//! A short analysis is over before the optimising compiler has paid for itself; how soon it does depends on the
//! processors, since it works beside the analysis. The serial collector needs the least processor time and memory
//! where there are no processors to spare for a parallel one. Figures are in docs/performance.md.

use std::fmt;

/// Source files of a project, as far as they were counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SourceSize {
    /// Number of files.
    pub(crate) files: u64,
    /// Their size together.
    pub(crate) bytes: u64,
}

impl SourceSize {
    /// Up to this size the fast compiler alone is quicker on one processor. Counting may stop here.
    pub(crate) const MOST: Self = Self { files: 1000, bytes: 2_000_000 };

    /// Whether neither number is above that of `other`.
    pub(crate) fn is_within(self, other: Self) -> bool {
        self.files <= other.files && self.bytes <= other.bytes
    }
}

/// The share of the machine that one Java may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JavaResources {
    /// Processors; at least one.
    pub(crate) cores: usize,
    /// Memory in bytes, if known.
    pub(crate) memory: Option<u64>,
}

impl JavaResources {
    /// The share of each of `analyses` that run at the same time.
    pub(crate) fn shared_by(self, analyses: usize) -> Self {
        let analyses = analyses.max(1);
        let memory = self.memory.map(|memory| memory / analyses as u64);
        Self { cores: (self.cores / analyses).max(1), memory }
    }

    /// Up to this size the fast compiler alone is quicker: with more processors the optimising compiler runs on those that
    /// the analysis leaves idle, and so pays off sooner.
    fn small_project(self) -> SourceSize {
        let cores = self.cores.clamp(1, 8) as u64;
        SourceSize { files: SourceSize::MOST.files / cores, bytes: SourceSize::MOST.bytes / cores }
    }

    fn is_scarce(self) -> bool {
        self.cores <= 2 || self.memory.is_some_and(|memory| memory < 4 << 30)
    }
}

/// The task input `jvmProfile`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum JvmProfile {
    /// By project and machine.
    #[default]
    Auto,
    /// Java's own choice.
    Default,
}

const FAST_COMPILER: &str = "-XX:TieredStopAtLevel=1";
const SERIAL_COLLECTOR: &str = "-XX:+UseSerialGC";

/// Options for Java. `Display` is the line for the log: which, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JvmOptions {
    /// To be placed before the user's options, which then win.
    pub(crate) options: Vec<&'static str>,
    size: Option<SourceSize>,
    resources: JavaResources,
}

impl JvmOptions {
    /// Whether to use an archive of the engine's classes: a longer analysis gains little, and writing the archive takes
    /// 200 MB more memory than the analysis.
    pub(crate) fn suits_class_archive(&self) -> bool {
        self.options.contains(&FAST_COMPILER) && self.resources.memory.is_none_or(|bytes| bytes >= 2 << 30)
    }
}

/// Chooses the options. `given` holds every text in which the user gives Java options. If one of them names a garbage
/// collector, none is added, because Java refuses two.
pub(crate) fn choose(
    profile: JvmProfile,
    size: SourceSize,
    resources: JavaResources,
    given: &[&str],
) -> JvmOptions {
    if profile == JvmProfile::Default {
        return JvmOptions { options: Vec::new(), size: None, resources };
    }
    let collector_given = given
        .iter()
        .flat_map(|text| text.split_whitespace())
        .any(|option| option.strip_prefix("-XX:+Use").is_some_and(|rest| rest.ends_with("GC")));
    let is_small = size.is_within(resources.small_project());
    let mut options = Vec::new();
    if is_small {
        options.push(FAST_COMPILER);
    }
    if (is_small || resources.is_scarce()) && !collector_given {
        options.push(SERIAL_COLLECTOR);
    }
    JvmOptions { options, size: Some(size), resources }
}

impl fmt::Display for JvmOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(SourceSize { files, bytes }) = self.size else {
            return f.write_str("Java options: Java's own choice, as jvmProfile says");
        };
        f.write_str("Java options: ")?;
        if self.options.is_empty() {
            f.write_str("Java's own choice")?;
        }
        f.write_str(&self.options.join(" "))?;
        let more = if (SourceSize { files, bytes }).is_within(SourceSize::MOST) { "" } else { " or more" };
        write!(
            f,
            ", for {files} source files of {} kB{more} on {} processors",
            bytes.div_ceil(1000),
            self.resources.cores
        )?;
        if let Some(memory) = self.resources.memory {
            write!(f, " and {} MiB of memory", memory >> 20)?;
        }
        Ok(())
    }
}

/// Whether the name of a file says that it is source code some analyzer reads.
pub(crate) fn is_source(file_name: &str) -> bool {
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

    const TWO_CORES: JavaResources = JavaResources { cores: 2, memory: Some(7 << 30) };

    #[test]
    fn options_follow_from_project_and_machine() {
        let of = |files, bytes| SourceSize { files, bytes };
        let resources = |cores, memory: u64| JavaResources { cores, memory: Some(memory << 30) };
        let unknown = JavaResources { cores: 4, memory: None };
        let both: &[_] = &[FAST_COMPILER, SERIAL_COLLECTOR];
        let serial = &both[1..];
        for (size, resources, expected) in [
            (of(12, 34_000), TWO_CORES, both),
            (of(500, 1_000_000), TWO_CORES, both),
            (of(501, 1), TWO_CORES, serial),
            (of(1, 1_000_001), TWO_CORES, serial),
            (of(1000, 2_000_000), resources(1, 7), both),
            (of(1001, 0), resources(1, 7), serial),
            (of(12, 34_000), resources(64, 256), both),
            (of(1, 250_001), resources(64, 256), &[]),
            (of(1, 500_001), resources(4, 16), &[]),
            (of(1, 500_001), resources(4, 3), serial),
            (of(1, 500_001), unknown, &[]),
        ] {
            let choice = choose(JvmProfile::Auto, size, resources, &[]);
            assert_eq!(choice.options, expected, "{size:?} {resources:?}");
            assert_eq!(choice.suits_class_archive(), expected.contains(&FAST_COMPILER));
            assert!(choose(JvmProfile::Default, size, resources, &[]).options.is_empty());
        }
        let choice = choose(JvmProfile::Auto, of(12, 34_000), resources(2, 1), &[]);
        assert_eq!(choice.options, both);
        assert!(!choice.suits_class_archive());
    }

    #[test]
    fn analyses_at_a_time_share_the_machine() {
        let resources = JavaResources { cores: 8, memory: Some(12 << 30) };
        for (analyses, cores, memory) in [(0, 8, 12), (1, 8, 12), (4, 2, 3), (12, 1, 1)] {
            let expected = JavaResources { cores, memory: Some(memory << 30) };
            assert_eq!(resources.shared_by(analyses), expected, "{analyses}");
        }
        let unknown = JavaResources { memory: None, ..resources };
        assert_eq!(unknown.shared_by(3), JavaResources { cores: 2, memory: None });
    }

    #[test]
    fn no_collector_is_added_to_the_users() {
        let small = SourceSize { files: 12, bytes: 34_000 };
        for (given, expected) in [
            (vec!["-Xmx1g -XX:+UseG1GC"], vec![FAST_COMPILER]),
            (vec!["", "-XX:+UseZGC"], vec![FAST_COMPILER]),
            (vec!["-XX:+UseStringDeduplication -Xmx1g"], vec![FAST_COMPILER, SERIAL_COLLECTOR]),
        ] {
            assert_eq!(choose(JvmProfile::Auto, small, TWO_CORES, &given).options, expected, "{given:?}");
        }
    }

    #[test]
    fn the_log_line_says_which_options_and_why() {
        let size = SourceSize { files: 3, bytes: 1107 };
        let words = |profile, size, resources| choose(profile, size, resources, &[]).to_string();
        assert_eq!(
            words(JvmProfile::Auto, size, TWO_CORES),
            "Java options: -XX:TieredStopAtLevel=1 -XX:+UseSerialGC, for 3 source files of 2 kB on 2 processors and \
             7168 MiB of memory"
        );
        assert_eq!(
            words(
                JvmProfile::Auto,
                SourceSize { files: 1001, bytes: 5 },
                JavaResources { cores: 8, memory: None }
            ),
            "Java options: Java's own choice, for 1001 source files of 1 kB or more on 8 processors"
        );
        assert_eq!(
            words(JvmProfile::Default, size, TWO_CORES),
            "Java options: Java's own choice, as jvmProfile says"
        );
    }

    #[test]
    fn source_files_are_known_by_their_suffix() {
        for (name, expected) in
            [("a.py", true), ("A.JAVA", true), ("x.tsx", true), ("logo.png", false), ("Makefile", false)]
        {
            assert_eq!(is_source(name), expected, "{name}");
        }
    }
}
