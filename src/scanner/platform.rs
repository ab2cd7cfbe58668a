//! The machine that a Java runtime must fit, detected at run time.
//!
//! The build target of this program is not enough: a static Linux binary runs on Alpine as well as elsewhere, and an x64
//! binary runs translated on ARM machines.

/// Operating system and processor, as the server's analysis API names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// `linux`, `alpine`, `windows`, `macos`; else the kernel's name in lower case.
    pub os: String,
    /// `x64`, `aarch64`; else the kernel's name for it in lower case.
    pub arch: String,
}

/// The variables in which Windows names the processor.
#[derive(Debug, Clone, Copy, Default)]
pub struct WindowsProcessor<'a> {
    /// `PROCESSOR_ARCHITEW6432`: that of the machine. Set for 32-bit processes only.
    pub machine: Option<&'a str>,
    /// `PROCESSOR_ARCHITECTURE`: that which the process sees.
    pub process: Option<&'a str>,
}

impl Platform {
    /// This machine. `windows` is used on Windows only.
    pub fn detect(windows: WindowsProcessor<'_>) -> Self {
        #[cfg(unix)]
        {
            let _ = windows;
            let uname = rustix::system::uname();
            from_uname(
                &uname.sysname().to_string_lossy(),
                &uname.machine().to_string_lossy(),
                &uname.version().to_string_lossy(),
                os_release().as_deref().unwrap_or_default(),
            )
        }
        #[cfg(not(unix))]
        from_windows(windows)
    }

    /// With `sonar.scanner.os` and `sonar.scanner.arch` where they are set.
    #[must_use]
    pub fn overridden(mut self, os: Option<&str>, arch: Option<&str>) -> Self {
        let given = |value: Option<&str>| value.map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned);
        if let Some(os) = given(os) {
            self.os = os;
        }
        if let Some(arch) = given(arch) {
            self.arch = arch;
        }
        self
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.os, self.arch)
    }
}

#[cfg(unix)]
fn os_release() -> Option<String> {
    // The order os-release(5) gives.
    ["/etc/os-release", "/usr/lib/os-release"]
        .iter()
        .find_map(|file| std::fs::read(file).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg_attr(not(unix), allow(dead_code, reason = "read on Unix, tested everywhere"))]
fn from_uname(system: &str, machine: &str, version: &str, os_release: &str) -> Platform {
    let os = match system {
        "Linux" if is_alpine(os_release) => "alpine".to_owned(),
        "Linux" => "linux".to_owned(),
        "Darwin" => "macos".to_owned(),
        other => other.to_ascii_lowercase(),
    };
    // Under Rosetta `machine` is the emulated processor. The version of the kernel names the real one.
    let translated = system == "Darwin" && version.contains("RELEASE_ARM64");
    let arch = if translated { "aarch64".to_owned() } else { arch(machine) };
    Platform { os, arch }
}

/// There is no JRE for Windows on ARM: the x64 one runs there, emulated.
#[cfg_attr(unix, allow(dead_code, reason = "read on Windows, tested everywhere"))]
fn from_windows(processor: WindowsProcessor<'_>) -> Platform {
    let seen = processor.machine.or(processor.process).unwrap_or("AMD64");
    let arch = match arch(seen) {
        arm if arm == "aarch64" => "x64".to_owned(),
        other => other,
    };
    Platform { os: "windows".to_owned(), arch }
}

fn arch(name: &str) -> String {
    let name = name.trim().to_ascii_lowercase();
    match name.as_str() {
        "x86_64" | "amd64" | "x64" => "x64".to_owned(),
        "aarch64" | "arm64" => "aarch64".to_owned(),
        _ => name,
    }
}

/// Whether os-release(5) says `ID=alpine`: there Java must be built for musl.
fn is_alpine(os_release: &str) -> bool {
    os_release.lines().any(|line| {
        line.trim().strip_prefix("ID=").is_some_and(|id| id.trim_matches(['"', '\'']) == "alpine")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN: &str = "PRETTY_NAME=\"Debian GNU/Linux 13\"\nID=debian\nVARIANT_ID=alpine\n";
    const ALPINE: &str = "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.22.1\n";

    #[test]
    fn unix_machines_are_named_as_the_server_names_them() {
        let rosetta = "Darwin Kernel Version 24.5.0: root:xnu-11417.121.6~2/RELEASE_ARM64_T6000";
        let intel = "Darwin Kernel Version 22.6.0: root:xnu-8796.141.3~6/RELEASE_X86_64";
        for (system, machine, version, os_release, os, arch) in [
            ("Linux", "x86_64", "#1 SMP", DEBIAN, "linux", "x64"),
            ("Linux", "aarch64", "#1 SMP", DEBIAN, "linux", "aarch64"),
            ("Linux", "x86_64", "#1 SMP", ALPINE, "alpine", "x64"),
            ("Linux", "x86_64", "#1 SMP", "ID=\"alpine\"", "alpine", "x64"),
            ("Linux", "aarch64", "#1 SMP RELEASE_ARM64", ALPINE, "alpine", "aarch64"),
            ("Linux", "armv7l", "#1 SMP", "", "linux", "armv7l"),
            ("Darwin", "arm64", rosetta, "", "macos", "aarch64"),
            ("Darwin", "x86_64", rosetta, "", "macos", "aarch64"),
            ("Darwin", "x86_64", intel, "", "macos", "x64"),
            ("FreeBSD", "amd64", "", "", "freebsd", "x64"),
        ] {
            let platform = from_uname(system, machine, version, os_release);
            assert_eq!((platform.os.as_str(), platform.arch.as_str()), (os, arch), "{system} {machine}");
        }
    }

    #[test]
    fn windows_on_arm_runs_the_java_for_x64() {
        for (machine, process, arch) in [
            (None, Some("AMD64"), "x64"),
            (None, Some("ARM64"), "x64"),
            (Some("ARM64"), Some("x86"), "x64"),
            (Some("AMD64"), Some("x86"), "x64"),
            (None, Some("x86"), "x86"),
            (None, None, "x64"),
        ] {
            let platform = from_windows(WindowsProcessor { machine, process });
            assert_eq!(platform, Platform { os: "windows".into(), arch: arch.into() });
        }
    }

    #[test]
    fn properties_override_what_was_detected() {
        let found = || Platform { os: "linux".into(), arch: "x64".into() };
        assert_eq!(found().overridden(Some("alpine"), None).to_string(), "alpine x64");
        assert_eq!(found().overridden(Some(" "), Some("aarch64")).to_string(), "linux aarch64");
    }

    #[test]
    fn this_machine_has_a_name() {
        let platform = Platform::detect(WindowsProcessor::default());
        assert!(!platform.os.is_empty() && !platform.arch.is_empty(), "{platform:?}");
    }
}
