//! The records as JSON. By hand: types that read themselves would be a tenth of the program's own code.

use super::{AnalysisId, Analyzed, Outcome, Prepared, RECORD_VERSION, ScannerMode, Target};
use crate::analysis::{Edition, Properties, ScannerRelease, ServerFacts, ServerKind, ServerVersion};
use serde_json::{Value, json};
use url::Url;

/// The name of what is missing or can't be read.
type Missing = &'static str;

const MODES: [ScannerMode; 3] = [ScannerMode::Cli, ScannerMode::Dotnet, ScannerMode::Other];
fn text(json: &Value, key: Missing) -> Result<&str, Missing> {
    json[key].as_str().ok_or(key)
}

fn owned(json: &Value, key: Missing) -> Result<String, Missing> {
    text(json, key).map(str::to_owned)
}

fn optional(json: &Value, key: &str) -> Option<String> {
    json[key].as_str().map(str::to_owned)
}

fn url(json: &Value, key: Missing) -> Result<Url, Missing> {
    Url::parse(text(json, key)?).map_err(|_| key)
}

fn id(json: &Value) -> Result<AnalysisId, Missing> {
    AnalysisId::parse(text(json, "id")?).ok_or("id")
}

/// Whether a record is of the version that this program writes.
pub fn is_of_this_version(json: &Value) -> bool {
    json["version"].as_u64() == Some(RECORD_VERSION.into())
}

impl Prepared {
    /// `prepared.json`.
    pub fn to_json(&self) -> Value {
        let Self { server, .. } = self;
        json!({
            "version": RECORD_VERSION,
            "id": self.id.as_str(),
            "created": self.created,
            "serverUrl": self.server_url.as_str(),
            "apiUrl": self.api_url.as_str(),
            "bearer": self.bearer,
            "server": {
                "kind": if server.kind == ServerKind::Cloud { "cloud" } else { "server" },
                "version": server.version.to_string(),
                "edition": server.edition.map(Edition::as_str),
                "branchSupport": server.branch_support,
            },
            "mode": self.mode.as_str(),
            "cli": self.cli.as_ref().map(ToString::to_string),
            "dotnet": self.dotnet,
            "projectKey": self.project_key,
            "baseDir": self.base_dir,
            "settingsFile": self.settings_file,
            "properties": self.properties,
            "target": target_to_json(&self.target),
            "skip": self.skip,
            "buildId": self.build_id,
        })
    }

    /// Reads `prepared.json`.
    ///
    /// # Errors
    /// What is missing or can't be read.
    pub fn from_json(json: &Value) -> Result<Self, Missing> {
        let mode = text(json, "mode")?;
        let dotnet = json["dotnet"].as_array();
        let dotnet =
            dotnet.map(|start| start.iter().filter_map(|part| part.as_str().map(str::to_owned)).collect());
        Ok(Self {
            version: RECORD_VERSION,
            id: id(json)?,
            created: json["created"].as_u64().ok_or("created")?,
            server_url: url(json, "serverUrl")?,
            api_url: url(json, "apiUrl")?,
            bearer: json["bearer"].as_bool().ok_or("bearer")?,
            server: facts_from_json(&json["server"])?,
            mode: MODES.into_iter().find(|known| known.as_str() == mode).ok_or("mode")?,
            cli: optional(json, "cli").map(|cli| ScannerRelease::parse(&cli).ok_or("cli")).transpose()?,
            dotnet,
            project_key: optional(json, "projectKey"),
            base_dir: owned(json, "baseDir")?,
            settings_file: optional(json, "settingsFile"),
            properties: properties_from_json(&json["properties"])?,
            target: target_from_json(&json["target"])?,
            skip: optional(json, "skip"),
            build_id: optional(json, "buildId"),
        })
    }
}

impl Analyzed {
    /// `analyzed.json`.
    pub fn to_json(&self) -> Value {
        let outcome = match &self.outcome {
            Outcome::Succeeded => json!({ "kind": "succeeded" }),
            Outcome::GateFailed => json!({ "kind": "gateFailed" }),
            Outcome::Failed { message } => json!({ "kind": "failed", "message": message }),
            Outcome::Skipped { reason } => json!({ "kind": "skipped", "reason": reason }),
            Outcome::Cancelled => json!({ "kind": "cancelled" }),
        };
        json!({ "version": RECORD_VERSION, "id": self.id.as_str(), "outcome": outcome })
    }

    /// Reads `analyzed.json`.
    ///
    /// # Errors
    /// What is missing or can't be read.
    pub fn from_json(json: &Value) -> Result<Self, Missing> {
        let told = &json["outcome"];
        let outcome = match text(told, "kind")? {
            "succeeded" => Outcome::Succeeded,
            "gateFailed" => Outcome::GateFailed,
            "failed" => Outcome::Failed { message: owned(told, "message")? },
            "skipped" => Outcome::Skipped { reason: owned(told, "reason")? },
            "cancelled" => Outcome::Cancelled,
            _ => return Err("outcome"),
        };
        Ok(Self { version: RECORD_VERSION, id: id(json)?, outcome })
    }
}

fn facts_from_json(json: &Value) -> Result<ServerFacts, Missing> {
    Ok(ServerFacts {
        kind: match text(json, "kind")? {
            "cloud" => ServerKind::Cloud,
            "server" => ServerKind::Server,
            _ => return Err("kind"),
        },
        version: ServerVersion::parse(text(json, "version")?).ok_or("version")?,
        edition: json["edition"].as_str().and_then(Edition::parse),
        branch_support: json["branchSupport"].as_bool().ok_or("branchSupport")?,
    })
}

fn properties_from_json(json: &Value) -> Result<Properties, Missing> {
    let mut properties = Properties::default();
    for (key, value) in json.as_object().ok_or("properties")? {
        properties.set(key.as_str(), value.as_str().ok_or("properties")?);
    }
    Ok(properties)
}

fn target_to_json(target: &Target) -> Value {
    match target {
        Target::MainBranch { name } => json!({ "kind": "mainBranch", "name": name }),
        Target::Branch { name } => json!({ "kind": "branch", "name": name }),
        Target::PullRequest { key, branch, base } => {
            json!({ "kind": "pullRequest", "key": key, "branch": branch, "base": base })
        }
    }
}

fn target_from_json(json: &Value) -> Result<Target, Missing> {
    Ok(match text(json, "kind")? {
        "mainBranch" => Target::MainBranch { name: optional(json, "name") },
        "branch" => Target::Branch { name: owned(json, "name")? },
        "pullRequest" => Target::PullRequest {
            key: owned(json, "key")?,
            branch: owned(json, "branch")?,
            base: owned(json, "base")?,
        },
        _ => return Err("target"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared() -> Prepared {
        Prepared {
            version: RECORD_VERSION,
            id: AnalysisId::from_bytes([7; 16]),
            created: 1_700_000_000,
            server_url: Url::parse("http://sonar.example:9000/x").unwrap(),
            api_url: Url::parse("http://sonar.example:9000/x/api/v2").unwrap(),
            bearer: true,
            server: ServerFacts {
                kind: ServerKind::Server,
                version: ServerVersion::parse("26.9.0.129388").unwrap(),
                edition: Some(Edition::Datacenter),
                branch_support: true,
            },
            mode: ScannerMode::Dotnet,
            cli: ScannerRelease::parse("8.1.0.6389 ab /my archives/x.zip"),
            dotnet: Some(vec!["dotnet".into(), "/x.dll".into()]),
            project_key: Some("shop".into()),
            base_dir: ".".into(),
            settings_file: None,
            properties: [("sonar.x".to_owned(), "y".to_owned())].into_iter().collect(),
            target: Target::PullRequest { key: "1".into(), branch: "a".into(), base: "b".into() },
            skip: Some("why".into()),
            build_id: None,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let all = prepared();
        let little = Prepared {
            server: ServerFacts {
                kind: ServerKind::Cloud,
                edition: None,
                branch_support: false,
                ..all.server.clone()
            },
            mode: ScannerMode::Cli,
            cli: None,
            dotnet: None,
            project_key: None,
            properties: Properties::default(),
            target: Target::MainBranch { name: None },
            skip: None,
            ..all.clone()
        };
        let branch = Prepared { target: Target::Branch { name: "x".into() }, ..little.clone() };
        for prepared in [all, little, branch] {
            let json = prepared.to_json();
            assert!(is_of_this_version(&json));
            assert_eq!(Prepared::from_json(&json), Ok(prepared));
        }
        for outcome in [
            Outcome::Succeeded,
            Outcome::GateFailed,
            Outcome::Failed { message: "m".into() },
            Outcome::Skipped { reason: "r".into() },
            Outcome::Cancelled,
        ] {
            let analyzed = Analyzed { version: RECORD_VERSION, id: AnalysisId::from_bytes([1; 16]), outcome };
            assert_eq!(Analyzed::from_json(&analyzed.to_json()), Ok(analyzed));
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for key in [
            "id",
            "created",
            "serverUrl",
            "apiUrl",
            "bearer",
            "server",
            "mode",
            "baseDir",
            "properties",
            "target",
        ] {
            let mut json = prepared().to_json();
            json.as_object_mut().unwrap().remove(key);
            let missing = Prepared::from_json(&json).unwrap_err();
            assert!(missing == key || missing == "kind", "{key}: {missing}");
        }
        let mut json = prepared().to_json();
        json["version"] = 2.into();
        assert!(!is_of_this_version(&json));
        assert_eq!(Analyzed::from_json(&json!({})), Err("kind"));
    }
}
