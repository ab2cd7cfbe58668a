//! The NuGet feed that the input `nugetSource` names.
//!
//! NuGet gets it as a configuration file in the folder where `dotnet` runs. That file adds to those of the user and the
//! machine, so a configured feed keeps its credentials, and no other feed is asked. Contract: Microsoft's "nuget.config
//! reference".

use crate::error::{Error, Result};
use std::path::Path;

/// A feed: its name in the configuration, and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Feed {
    name: String,
    place: String,
}

/// The name that a feed gets which is not configured.
const OURS: &str = "sonar-azdo";

/// The feed that `text` names: by a URL, the name of a `configured` feed, or a folder relative to `directory`.
pub(super) fn find(text: &str, configured: &[(String, String)], directory: &Path) -> Result<Feed> {
    let named = |name: &str, place: &str| Feed { name: name.to_owned(), place: place.to_owned() };
    let is_url = |text: &str| {
        ["http://", "https://", "file://"]
            .iter()
            .any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
    };
    let same_place = |place: &&(String, String)| place.1.trim_end_matches('/') == text.trim_end_matches('/');
    if is_url(text) {
        let authority = text.split('/').nth(2).unwrap_or_default();
        if authority.contains('@') {
            // The message does not show the URL, which holds the password.
            return Err(Error::new("the URL in nugetSource contains a user or a password")
                .hint("Remove them, and run the task NuGetAuthenticate@1 before SonarPrepare."));
        }
        // NuGet finds the credentials of a configured feed by its name.
        let known = configured.iter().find(same_place);
        return Ok(known.map_or_else(|| named(OURS, text), |(name, place)| named(name, place)));
    }
    if let Some((name, place)) = configured.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        return Ok(named(name, place));
    }
    let folder = directory.join(text);
    if folder.is_dir() {
        return Ok(named(OURS, &folder.display().to_string()));
    }
    let names: Vec<&str> = configured.iter().map(|(name, _)| name.as_str()).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Err(Error::new(format!(
        "nugetSource is {text:?}, which is neither a URL, nor a folder, nor the name of a feed in the NuGet configuration of \
         this machine or user"
    ))
    .hint(format!("Configured feeds: {names}.")))
}

impl Feed {
    /// The configuration with which NuGet asks this feed only.
    pub(super) fn configuration(&self) -> String {
        let [name, place] = [&self.name, &self.place].map(|text| quick_xml::escape::escape(text.as_str()));
        // Newer SDKs refuse http otherwise. The user chose this feed, and the package is verified.
        format!(
            "<configuration>\n<packageSources><clear /><add key=\"{name}\" value=\"{place}\" \
             allowInsecureConnections=\"true\" /></packageSources>\n\
             <disabledPackageSources><clear /></disabledPackageSources>\n\
             <packageSourceMapping><clear /></packageSourceMapping>\n</configuration>\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_input_means() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("packages")).unwrap();
        let configured = [("Corp".to_owned(), "https://corp.example/v3/index.json".to_owned())];
        let find = |text: &str| find(text, &configured, folder.path());
        let place = |text: &str| find(text).map(|feed| (feed.name, feed.place)).unwrap();
        let ours = |place: &str| (OURS.to_owned(), place.to_owned());
        assert_eq!(place("https://x.example/i.json"), ours("https://x.example/i.json"));
        assert_eq!(place("https://corp.example/v3/index.json/"), configured[0]);
        assert_eq!(place("corp"), configured[0]);
        let packages = folder.path().join("packages").display().to_string();
        assert_eq!(place("packages"), ours(&packages));
        assert_eq!(place(&packages), ours(&packages));
        insta::assert_snapshot!(find("crop").unwrap_err(), @r#"nugetSource is "crop", which is neither a URL, nor a folder, nor the name of a feed in the NuGet configuration of this machine or user. Configured feeds: Corp."#);
        let error = find("https://me:hush@x.example/i.json").unwrap_err().to_string();
        assert!(error.contains("NuGetAuthenticate@1") && !error.contains("hush"), "{error}");
    }

    #[test]
    fn the_configuration_names_only_this_feed() {
        let feed = Feed { name: "a \"b\"".into(), place: "https://x/?a=1&b=2".into() };
        let text = feed.configuration();
        assert!(
            text.contains("<clear /><add key=\"a &quot;b&quot;\" value=\"https://x/?a=1&amp;b=2\""),
            "{text}"
        );
    }
}
