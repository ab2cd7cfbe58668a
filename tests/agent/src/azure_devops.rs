//! What Azure DevOps keeps for a job: a project with a repository, a pull request and a build, its properties and
//! attachments. Its callers decide how requests arrive and who may send them.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Id and name.
#[derive(Debug, Clone)]
pub struct Named {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
}

impl Named {
    /// Whether it is the one of this id or name.
    pub fn is(&self, text: &str) -> bool {
        self.id.eq_ignore_ascii_case(text) || self.name.eq_ignore_ascii_case(text)
    }
}

/// What Azure DevOps keeps.
#[derive(Debug)]
pub struct Resources {
    /// The only project.
    pub project: Named,
    /// Its only repository.
    pub repository: Named,
    /// Its full name; `None` in an empty repository.
    pub default_branch: Option<String>,
    /// Number, source and target branch, and whether it comes from a fork.
    pub pull_request: Option<(u32, String, String, bool)>,
    /// What the last iteration of the pull request changes: kind, path and earlier path.
    pub changes: Vec<(String, String, Option<String>)>,
    /// The number of the only build.
    pub build: u32,
    /// When the build started, as the server writes it.
    pub build_start: Option<String>,
    /// Properties of the build.
    pub properties: BTreeMap<String, String>,
    /// Names of properties, spelt as the collection met them first: it ignores case in them, in all builds.
    pub property_names: Vec<String>,
    /// Every state the properties were in.
    pub history: Vec<BTreeMap<String, String>>,
    /// Type, name, content.
    pub attachments: Vec<(String, String, Vec<u8>)>,
    /// The right to change the build is missing.
    pub read_only: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The message.
    pub message: String,
}

fn refusal(status: u16, message: &str) -> Refusal {
    Refusal { status, message: message.to_owned() }
}

impl Refusal {
    /// An error as Azure DevOps writes it.
    pub fn body(&self) -> Value {
        let message = &self.message;
        json!({ "$id": "1", "message": message, "typeKey": "Exception", "errorCode": 0, "eventId": 3000 })
    }
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            project: Named { id: "9d3c6f5e-7a41-4f0e-8a35-2f1f0f8b6c11".into(), name: "My Shop".into() },
            repository: Named { id: "1e8b4f7a-2d53-46c8-b6ac-0d3e5a7f9b22".into(), name: "shop api".into() },
            default_branch: Some("refs/heads/main".into()),
            pull_request: None,
            changes: Vec::new(),
            build: 4711,
            build_start: None,
            properties: BTreeMap::new(),
            property_names: Vec::new(),
            history: Vec::new(),
            attachments: Vec::new(),
            read_only: false,
        }
    }
}

impl Resources {
    /// Answers a request, its path below the collection and decoded.
    ///
    /// # Errors
    /// What the product refuses.
    pub fn answer(
        &mut self,
        method: &str,
        path: &[&str],
        query: &[(String, String)],
        body: &[u8],
    ) -> Result<Value, Refusal> {
        let [project, "_apis", rest @ ..] = path else { return Err(refusal(404, "The page is not found")) };
        if !self.project.is(project) {
            return Err(refusal(404, "TF200016: The following project does not exist"));
        }
        match (method, rest) {
            ("GET", ["git", "repositories", name]) => {
                if !self.repository.is(name) {
                    let message =
                        format!("TF401019: The Git repository with name or identifier {name} does not exist");
                    return Err(refusal(404, &message));
                }
                let Named { id, name } = &self.repository;
                let project =
                    json!({ "id": self.project.id, "name": self.project.name, "state": "wellFormed" });
                let mut answer = json!({ "id": id, "name": name, "project": project, "size": 1024 });
                if let Some(branch) = &self.default_branch {
                    answer["defaultBranch"] = branch.as_str().into();
                }
                Ok(answer)
            }
            ("GET", ["git", "repositories", name, "pullRequests", number]) if self.repository.is(name) => {
                let found = self.pull_request.iter().find(|(known, ..)| known.to_string() == *number);
                let Some((number, source, target, from_fork)) = found else {
                    let message = format!("TF401180: The requested pull request was not found: {number}");
                    return Err(refusal(404, &message));
                };
                let mut answer = json!({ "pullRequestId": number, "status": "active", "title": "Rework the cart",
                    "sourceRefName": source, "targetRefName": target,
                    "repository": { "id": self.repository.id, "name": self.repository.name } });
                if *from_fork {
                    answer["forkSource"] = json!({ "name": source, "repository": { "name": "shop-fork" } });
                }
                Ok(answer)
            }
            ("GET", ["git", "repositories", name, "pullRequests", number, "iterations", rest @ ..])
                if self.repository.is(name) =>
            {
                if self.pull_request.as_ref().is_none_or(|(known, ..)| known.to_string() != *number) {
                    let message = format!("TF401180: The requested pull request was not found: {number}");
                    return Err(refusal(404, &message));
                }
                match rest {
                    [] => Ok(json!({ "count": 3, "value": [{ "id": 1 }, { "id": 2 }, { "id": 3 }] })),
                    ["3", "changes"] => Ok(self.changes(query)),
                    _ => Err(refusal(404, "The iteration is not the last one")),
                }
            }
            (_, ["build", "builds", build, rest @ ..]) => {
                if *build != self.build.to_string() {
                    return Err(refusal(404, &format!("The requested build {build} could not be found.")));
                }
                match (method, rest) {
                    ("GET", []) => Ok(json!({ "id": self.build, "startTime": self.build_start })),
                    ("PATCH", ["properties"]) => self.patch_properties(body),
                    ("GET", ["properties"]) => Ok(self.properties()),
                    ("GET", ["attachments", kind]) => {
                        let found = self.attachments.iter().filter(|(of_kind, ..)| of_kind == kind);
                        let found: Vec<_> =
                            found.map(|(_, name, _)| json!({ "name": name, "_links": {} })).collect();
                        Ok(json!({ "count": found.len(), "value": found }))
                    }
                    _ => Err(refusal(405, "The resource does not support it")),
                }
            }
            _ => Err(refusal(404, "The resource is not known")),
        }
    }

    /// A page of the pull request's changes; there are three on one, however many are asked for.
    fn changes(&self, query: &[(String, String)]) -> Value {
        let number = |name: &str| {
            query.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.parse::<usize>().ok())
        };
        let (skip, top) = (number("$skip").unwrap_or(0), number("$top").unwrap_or(100).min(3));
        let entry = |(kind, path, before): &(String, String, Option<String>)| {
            let mut entry = json!({ "changeTrackingId": 1, "changeId": 1, "changeType": kind,
                "item": { "objectId": "5f8c2e1a", "path": path } });
            if let Some(before) = before {
                entry["originalPath"] = before.as_str().into();
            }
            entry
        };
        let entries: Vec<_> = self.changes.iter().skip(skip).take(top).map(entry).collect();
        match self.changes.len() > skip + top {
            true => json!({ "changeEntries": entries, "nextSkip": skip + top, "nextTop": top }),
            false => json!({ "changeEntries": entries }),
        }
    }

    fn patch_properties(&mut self, body: &[u8]) -> Result<Value, Refusal> {
        if self.read_only {
            return Err(refusal(
                403,
                "TF215106: Access denied. My Shop Build Service (contoso) needs Update build information permissions",
            ));
        }
        let operations: Vec<Value> =
            serde_json::from_slice(body).map_err(|error| refusal(400, &error.to_string()))?;
        for operation in operations {
            let name = operation["path"].as_str().unwrap_or_default().trim_start_matches('/');
            let mut known = self.property_names.iter();
            let name = match known.find(|known| known.eq_ignore_ascii_case(name)) {
                Some(known) => known.clone(),
                None => {
                    self.property_names.push(name.to_owned());
                    name.to_owned()
                }
            };
            match (operation["op"].as_str(), operation["value"].as_str()) {
                (Some("add" | "replace"), Some(value)) => self.properties.insert(name, value.to_owned()),
                (Some("remove"), _) => self.properties.remove(&name),
                _ => return Err(refusal(400, "VS403483: the patch document is not legal")),
            };
        }
        self.history.push(self.properties.clone());
        Ok(self.properties())
    }

    fn properties(&self) -> Value {
        let properties = self.properties.iter();
        let properties: serde_json::Map<_, _> = properties
            .map(|(name, value)| (name.clone(), json!({ "$type": "System.String", "$value": value })))
            .collect();
        json!({ "count": properties.len(), "value": properties })
    }
}

/// The decoded segments of a path.
pub fn segments(path: &str) -> Vec<String> {
    let decoded = |segment: &str| {
        // In a query a plus sign would mean a space, and an ampersand end the value.
        let query = format!("x={}", segment.replace('+', "%2B").replace('&', "%26"));
        form_urlencoded::parse(query.as_bytes())
            .next()
            .map_or_else(String::new, |(_, text)| text.into_owned())
    };
    path.split('/').skip(1).map(decoded).collect()
}

/// What of the path is below the collection.
pub fn below(path: &[String], collection: &str) -> Option<Vec<String>> {
    let collection: Vec<_> = collection.split('/').filter(|segment| !segment.is_empty()).collect();
    let (start, rest) = path.split_at_checked(collection.len())?;
    (start == collection).then(|| rest.to_vec())
}
