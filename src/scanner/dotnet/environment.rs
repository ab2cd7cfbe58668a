//! The environment that .NET programs get.

use super::dotnet_program::DOTNET;
use crate::process::first_in_path;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use url::Url;

/// Names and values.
pub type Variables = Vec<(OsString, OsString)>;

/// Sets `name`, and removes it in any other case.
pub fn set(variables: &mut Variables, name: &str, value: impl Into<OsString>) {
    remove(variables, name);
    variables.push((name.into(), value.into()));
}

/// Removes `name` in any case.
pub fn remove(variables: &mut Variables, name: &str) {
    variables.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
}

fn value<'a>(variables: &'a Variables, name: &str) -> Option<&'a OsStr> {
    let found = variables.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_os_str()).filter(|value| !value.is_empty())
}

fn set_default(variables: &mut Variables, name: &str, default: &str) {
    if value(variables, name).is_none() {
        set(variables, name, default);
    }
}

/// Turns off .NET's banner and telemetry, and gives it a home where the user has none, as in some service accounts and
/// containers. `temporary` is a folder that is removed after the job.
pub fn prepare(variables: &mut Variables, temporary: &Path) {
    set_default(variables, "DOTNET_NOLOGO", "1");
    set_default(variables, "DOTNET_CLI_TELEMETRY_OPTOUT", "1");
    let home = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    if !value(variables, home).is_some_and(|home| Path::new(home).is_dir()) {
        let folder = temporary.join("dotnet-home");
        // If it cannot be made, .NET says so.
        let _ = std::fs::create_dir_all(&folder);
        if value(variables, "DOTNET_CLI_HOME").is_none() {
            set(variables, "DOTNET_CLI_HOME", &folder);
        }
        // NuGet needs it, too: without a home that exists it sets the mode of the machine's temporary folder to 0755 where it
        // runs as root (observed with SDK 10.0.401), and then no other user can write there.
        set(variables, home, &folder);
    }
    // An installed tool looks for .NET in the folder of this variable and in some fixed folders, not in PATH.
    if value(variables, "DOTNET_ROOT").is_none() {
        let dotnet = first_in_path(value(variables, "PATH"), DOTNET);
        let real = dotnet.and_then(|dotnet| std::fs::canonicalize(dotnet).ok());
        if let Some(folder) =
            real.as_deref().and_then(Path::parent).filter(|folder| folder.join("shared").is_dir())
        {
            set(variables, "DOTNET_ROOT", folder);
        }
    }
}

/// These make .NET load code into every program. A build may want that, but not for a program that was verified and gets a
/// token.
const INJECTED: [&str; 5] = [
    "DOTNET_STARTUP_HOOKS",
    "DOTNET_ADDITIONAL_DEPS",
    "DOTNET_SHARED_STORE",
    "CORECLR_ENABLE_PROFILING",
    "COR_ENABLE_PROFILING",
];

/// Makes .NET run only the program that was verified.
pub fn isolate(variables: &mut Variables) {
    INJECTED.iter().for_each(|name| remove(variables, name));
}

/// Makes .NET trust the authorities in this PEM file, and those in the machine's folder of certificates.
///
/// Contract: OpenSSL's variable, which .NET reads on Linux. Elsewhere it uses the trust store of the system.
pub fn trust(variables: &mut Variables, authorities: Option<&Path>) {
    if let Some(file) = authorities.filter(|_| cfg!(target_os = "linux"))
        && value(variables, "SSL_CERT_FILE").is_none()
    {
        set(variables, "SSL_CERT_FILE", file);
    }
}

/// Makes .NET reach `server` through `proxy`, or directly if there is none. It reads no property for that.
///
/// Contract: .NET's `HttpClient.DefaultProxy`. On Unix the names in lower case take precedence.
pub fn route(variables: &mut Variables, server: &Url, proxy: Option<&Url>) {
    const PROXIES: [&str; 3] = ["http_proxy", "https_proxy", "all_proxy"];
    const PAST: &str = "no_proxy";
    match proxy {
        Some(proxy) => {
            PROXIES.iter().for_each(|name| remove(variables, name));
            // It has been decided that the server is reached through the proxy.
            remove(variables, PAST);
            set(variables, "http_proxy", proxy.as_str());
            set(variables, "https_proxy", proxy.as_str());
        }
        None if PROXIES.iter().any(|name| value(variables, name).is_some()) => {
            // .NET reads neither networks nor the agent's list of hosts that are reached directly.
            let mut past = value(variables, PAST).map(OsStr::to_owned).unwrap_or_default();
            if !past.is_empty() {
                past.push(",");
            }
            past.push(server.host_str().unwrap_or_default().trim_matches(['[', ']']));
            set(variables, PAST, past);
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn shown(variables: &Variables) -> Vec<String> {
        variables.iter().map(|(n, v)| format!("{}={}", n.display(), v.display())).collect()
    }

    #[test]
    fn dotnet_is_quiet_and_finds_a_home() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        let name = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
        let mut with_home = variables(&[(name, home), ("DOTNET_NOLOGO", "0")]);
        prepare(&mut with_home, Path::new("/tmp/job"));
        assert_eq!(
            shown(&with_home),
            [format!("{name}={home}"), "DOTNET_NOLOGO=0".into(), "DOTNET_CLI_TELEMETRY_OPTOUT=1".into()]
        );
        let nowhere = folder.path().join("nowhere");
        let made = folder.path().join("dotnet-home");
        for missing in [variables(&[]), variables(&[(name, nowhere.to_str().unwrap())])] {
            let mut without = missing;
            prepare(&mut without, folder.path());
            for name in [name, "DOTNET_CLI_HOME"] {
                assert_eq!(value(&without, name).unwrap(), made, "{name}");
            }
            assert!(made.is_dir());
        }
    }

    #[test]
    #[cfg(unix)]
    fn an_installed_tool_finds_the_dotnet_of_path() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (sdk, links) = (folder.path().join("sdk"), folder.path().join("bin"));
        std::fs::create_dir_all(sdk.join("shared")).unwrap();
        std::fs::create_dir(&links).unwrap();
        std::fs::write(sdk.join("dotnet"), "").unwrap();
        std::fs::set_permissions(sdk.join("dotnet"), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(sdk.join("dotnet"), links.join("dotnet")).unwrap();
        let mut of_path = variables(&[("PATH", links.to_str().unwrap())]);
        prepare(&mut of_path, folder.path());
        assert_eq!(value(&of_path, "DOTNET_ROOT").unwrap(), std::fs::canonicalize(&sdk).unwrap());
        let mut chosen = variables(&[("PATH", links.to_str().unwrap()), ("DOTNET_ROOT", "/own")]);
        prepare(&mut chosen, folder.path());
        assert_eq!(value(&chosen, "DOTNET_ROOT").unwrap(), "/own");
    }

    #[test]
    fn the_way_to_the_server() {
        let server = Url::parse("https://sonar.corp:9000").unwrap();
        let proxy = Url::parse("http://us%20er:p%40ss@proxy:3128").unwrap();
        let own = [("HTTPS_PROXY", "http://other"), ("No_Proxy", "x"), ("A", "b")];
        let mut through = variables(&own);
        route(&mut through, &server, Some(&proxy));
        let address = "http://us%20er:p%40ss@proxy:3128/";
        assert_eq!(
            shown(&through),
            ["A=b".to_owned(), format!("http_proxy={address}"), format!("https_proxy={address}")]
        );
        let mut past = variables(&own);
        route(&mut past, &server, None);
        assert_eq!(shown(&past), ["HTTPS_PROXY=http://other", "A=b", "no_proxy=x,sonar.corp"]);
        let mut none = variables(&own[2..]);
        route(&mut none, &server, None);
        assert_eq!(shown(&none), ["A=b"]);
    }
}
