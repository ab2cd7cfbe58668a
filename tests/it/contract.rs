//! Checks requests against Microsoft's own descriptions of the REST API of Azure DevOps.
//!
//! The descriptions are test data, with one folder per product. A request must be valid on every product.

use crate::test_data;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, OnceLock};

/// Azure DevOps Server 2019, 2020, 2022, and 2022.1 with Azure DevOps Services.
const PRODUCTS: [&str; 4] = ["5.0", "6.0", "7.0", "7.1"];
const AREAS: [&str; 6] = ["build", "core", "git", "policy", "serviceEndpoint", "serviceHooks"];

/// A request as the server sees it, its path below the collection.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Decoded segments.
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// What is wrong with a request, by product. Empty if the descriptions are not available.
pub(crate) fn violations(request: &Request) -> Vec<String> {
    if !are_here() {
        return Vec::new();
    }
    let of_product = |product| {
        let wrong = check_in(product, request);
        wrong
            .into_iter()
            .map(move |what| format!("{} {:?} on {product}: {what}", request.method, request.path))
    };
    PRODUCTS.into_iter().flat_map(of_product).collect()
}

/// What is wrong with the answer of a model to a request: its JSON, by the newest product.
pub(crate) fn answer_violations(request: &Request, answer: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if are_here() {
        for operation in operations("7.1", request) {
            let schema = &operation.spec["responses"]["200"]["schema"];
            // A list travels as `{"count", "value"}`, which the descriptions leave out.
            let answer = if schema["type"] == "array" { &answer["value"] } else { answer };
            validate(operation.document, schema, answer, "answer", &mut found);
        }
    }
    found
}

fn are_here() -> bool {
    folder().is_some()
}

/// The folder of the descriptions. `None`: they are not available, and one line has said so.
fn folder() -> Option<&'static Path> {
    static FOLDER: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        let folder = test_data::folder("azure-devops-openapi");
        if folder.is_none() {
            test_data::left_out(&format!(
                "requests to Azure DevOps are not checked against its descriptions, because {} is not set",
                test_data::VARIABLE
            ));
        }
        folder
    });
    FOLDER.as_deref()
}

/// The description of an area of a product, read when first asked for.
fn document(product: &str, area: &str) -> &'static Value {
    static DOCUMENTS: [[OnceLock<Value>; AREAS.len()]; PRODUCTS.len()] =
        [const { [const { OnceLock::new() }; AREAS.len()] }; PRODUCTS.len()];
    let index = |all: &[&str], one| all.iter().position(|name| *name == one).unwrap();
    DOCUMENTS[index(&PRODUCTS, product)][index(&AREAS, area)].get_or_init(|| {
        let file = folder().unwrap().join(product).join(format!("{area}.json"));
        let text =
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap()
    })
}

struct Operation {
    document: &'static Value,
    spec: &'static Value,
    /// Values of the path's parameters.
    path: Vec<(String, String)>,
}

impl Operation {
    fn parameters(&self) -> impl Iterator<Item = &'static Value> {
        let document = self.document;
        self.spec["parameters"].as_array().unwrap().iter().map(|parameter| resolve(document, parameter))
    }
}

/// The operations whose route and method match.
fn operations(product: &str, request: &Request) -> Vec<Operation> {
    let area =
        request.path.iter().position(|segment| segment == "_apis").and_then(|at| request.path.get(at + 1));
    let area = match area.map(String::as_str) {
        Some("build") => "build",
        Some("git") => "git",
        Some("policy") => "policy",
        Some("serviceendpoint") => "serviceEndpoint",
        Some("hooks") => "serviceHooks",
        _ => "core",
    };
    let document = document(product, area);
    let routes = document["paths"].as_object().unwrap().iter();
    let of_route = |(route, methods): (&String, &'static Value)| {
        let path = match_route(route, &request.path)?;
        let spec = methods.get(request.method.to_lowercase())?;
        Some(Operation { document, spec, path })
    };
    routes.filter_map(of_route).collect()
}

/// The parameters of a route such as `/{organization}/{project}/_apis/git/repositories`, whose first segment
/// is the collection.
fn match_route(route: &str, path: &[String]) -> Option<Vec<(String, String)>> {
    let route: Vec<_> = route.trim_matches('/').split('/').skip(1).collect();
    if route.len() != path.len() {
        return None;
    }
    let mut parameters = Vec::new();
    for (part, segment) in route.into_iter().zip(path) {
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => parameters.push((name.to_owned(), segment.clone())),
            None if part.eq_ignore_ascii_case(segment) => {}
            None => return None,
        }
    }
    Some(parameters)
}

/// The mistakes, by the description that fits best.
fn check_in(product: &str, request: &Request) -> Vec<String> {
    let checked = operations(product, request).into_iter().map(|operation| check(&operation, request));
    let best = checked.min_by_key(Vec::len);
    best.unwrap_or_else(|| vec!["there is no such route and method".into()])
}

fn check(operation: &Operation, request: &Request) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut known = Vec::new();
    for parameter in operation.parameters() {
        let name = parameter["name"].as_str().unwrap();
        let value = match parameter["in"].as_str().unwrap() {
            "path" if name == "organization" => continue,
            "path" => operation.path.iter().find(|(n, _)| n == name),
            "query" => {
                known.push(name);
                request.query.iter().find(|(n, _)| n == name)
            }
            "body" => {
                check_body(operation, parameter, request, &mut wrong);
                continue;
            }
            _ => continue,
        };
        match value {
            None if parameter["required"] == true => wrong.push(format!("{name} is missing")),
            None => {}
            Some((_, value)) if name == "api-version" => {
                let own = own_version(parameter);
                if !accepts(&own, value) {
                    wrong.push(format!("api-version {value} is not accepted where {own} is current"));
                }
            }
            Some((_, value)) => check_text(name, parameter, value, &mut wrong),
        }
    }
    let unknown = request.query.iter().filter(|(name, _)| !known.contains(&name.as_str()));
    wrong.extend(unknown.map(|(name, _)| format!("{name} is no parameter of it")));
    wrong
}

/// A version as the descriptions have it: in the words of a parameter's description.
fn own_version(parameter: &Value) -> String {
    parameter["description"].as_str().unwrap().split('\'').nth(1).unwrap().to_owned()
}

/// Whether a resource whose current version is `own` takes a request for `asked`: for the same or an older one,
/// as newer products keep accepting those; never a released version of what is a preview there.
fn accepts(own: &str, asked: &str) -> bool {
    let parts = |version: &str| {
        let (number, preview) = version.split_once("-preview").map_or((version, None), |(n, p)| (n, Some(p)));
        let (major, minor) = number.split_once('.')?;
        let preview = match preview {
            None => None,
            Some("") => Some(1),
            Some(revision) => Some(revision.strip_prefix('.')?.parse::<u32>().ok()?),
        };
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?, preview))
    };
    let (Some((own_major, own_minor, own_preview)), Some((major, minor, preview))) =
        (parts(own), parts(asked))
    else {
        return false;
    };
    match (major, minor).cmp(&(own_major, own_minor)) {
        std::cmp::Ordering::Less => true,
        std::cmp::Ordering::Greater => false,
        std::cmp::Ordering::Equal => match (own_preview, preview) {
            (Some(own), Some(asked)) => asked <= own,
            (own, asked) => own == asked,
        },
    }
}

fn check_text(name: &str, parameter: &Value, value: &str, wrong: &mut Vec<String>) {
    let legal = match (parameter["type"].as_str(), parameter["format"].as_str()) {
        (Some("integer"), _) => value.parse::<i64>().is_ok(),
        (Some("boolean"), _) => matches!(value, "true" | "false"),
        (_, Some("uuid")) => value.len() == 36 && value.chars().filter(char::is_ascii_hexdigit).count() == 32,
        _ => !value.is_empty(),
    };
    if !legal {
        wrong.push(format!("{name} is {value:?}"));
    }
}

fn check_body(operation: &Operation, parameter: &Value, request: &Request, wrong: &mut Vec<String>) {
    let sent = request.content_type.as_deref().unwrap_or_default();
    let sent = sent.split(';').next().unwrap_or_default().trim();
    let consumes = operation.spec["consumes"].as_array();
    if !consumes.is_some_and(|consumes| consumes.iter().any(|media_type| media_type == sent)) {
        wrong.push(format!("it takes {consumes:?}, not {sent:?}"));
    }
    match serde_json::from_slice(&request.body) {
        Ok(body) => validate(operation.document, &parameter["schema"], &body, "body", wrong),
        Err(error) => wrong.push(format!("the body is no JSON: {error}")),
    }
}

fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(pointer) => document.pointer(pointer.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

/// Checks `value` against the part of JSON Schema that the descriptions use.
fn validate(document: &Value, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    let schema = resolve(document, schema);
    let parts = schema["allOf"].as_array();
    for part in parts.into_iter().flatten() {
        validate(document, part, value, at, wrong);
    }
    if let Some(allowed) = schema["enum"].as_array() {
        // By number too, as .NET does.
        let is_number_of_one = value.as_u64().is_some_and(|n| n < allowed.len() as u64);
        if !allowed.contains(value) && !is_number_of_one {
            wrong.push(format!("{at} is {value}, not one of {allowed:?}"));
        }
        return;
    }
    let properties = schema["properties"].as_object();
    let kind = schema["type"].as_str();
    let legal = match kind {
        // The product treats a missing member like null.
        _ if value.is_null() => true,
        // What the descriptions make of a type parameter of .NET: an item of Git, say.
        Some("string") if schema["format"] == "T" => true,
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        // Without properties it stands for .NET's Object, which is anything; beside an allOf it says nothing.
        Some("object") => value.is_object() || parts.is_some() || properties.is_none_or(|p| p.is_empty()),
        _ => true,
    };
    if !legal {
        wrong.push(format!("{at} is {value}, not of type {kind:?}"));
        return;
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        if schema.get("items").is_some() {
            validate(document, &schema["items"], item, &format!("{at}/{index}"), wrong);
        }
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            wrong.push(format!("{at}/{name} is missing"));
        }
    }
    for (name, schema) in properties.into_iter().flatten() {
        if let Some(member) = value.get(name) {
            validate(document, schema, member, &format!("{at}/{name}"), wrong);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(path: &str, version: &str, content_type: &str, body: &str) -> Vec<String> {
        violations(&Request {
            method: "PATCH".into(),
            path: path.split('/').map(str::to_owned).collect(),
            query: vec![("api-version".into(), version.into())],
            content_type: Some(content_type.into()),
            body: body.into(),
        })
    }

    #[test]
    fn a_request_that_breaks_the_api_description_is_reported() {
        if !are_here() {
            return;
        }
        let path = "Shop/_apis/build/builds/7/properties";
        let media_type = "application/json-patch+json";
        let body = r#"[{"op":"add","path":"/gate","value":"ok"}]"#;
        assert_eq!(patch(path, "5.0-preview.1", media_type, body), [""; 0]);
        for (path, version, media_type, body, expected) in [
            ("Shop/_apis/build/builds/7/property", "5.0-preview.1", media_type, body, "no such route"),
            ("Shop/_apis/build/builds/x/properties", "5.0-preview.1", media_type, body, "buildId is \"x\""),
            (path, "5.0", media_type, body, "on 5.0: api-version 5.0 is not accepted where 5.0-preview.1"),
            (path, "5.0-preview.2", media_type, body, "on 5.0: api-version 5.0-preview.2 is not accepted"),
            (path, "7.1", media_type, body, "on 7.0: api-version 7.1 is not accepted where 7.0"),
            (path, "", media_type, body, "api-version  is not accepted"),
            (path, "5.0-preview.1", "application/json", body, "not \"application/json\""),
            (path, "5.0-preview.1", media_type, "[{}", "the body is no JSON"),
            (path, "5.0-preview.1", media_type, r#"{"op":"add"}"#, "body is {\"op\":\"add\"}, not of type"),
            (path, "5.0-preview.1", media_type, r#"[{"op":"put"}]"#, "body/0/op is \"put\", not one of"),
            (
                path,
                "5.0-preview.1",
                media_type,
                r#"[{"op":"add","path":1}]"#,
                "body/0/path is 1, not of type",
            ),
        ] {
            let found = patch(path, version, media_type, body).join("\n");
            assert!(found.contains(expected), "{expected}: {found}");
        }
        let mut get = Request {
            method: "GET".into(),
            path: ["Shop", "_apis", "git", "repositories", "shop"].map(str::to_owned).to_vec(),
            query: vec![("api-version".into(), "5.0".into())],
            content_type: None,
            body: Vec::new(),
        };
        assert_eq!(violations(&get), [""; 0]);
        get.query.push(("includeLinks".into(), "true".into()));
        assert!(violations(&get)[0].contains("includeLinks is no parameter of it"));
        get.query.clear();
        assert!(violations(&get)[0].contains("api-version is missing"));
    }

    #[test]
    fn an_api_version_that_newer_servers_accept_is_allowed() {
        for (own, asked, accepted) in [
            ("7.1", "7.1", true),
            ("7.1", "5.0-preview.1", true),
            ("7.1", "7.2-preview.1", false),
            ("5.0-preview.2", "5.0-preview.1", true),
            ("5.0-preview.2", "5.0-preview", true),
            ("5.0-preview.2", "5.0-preview.3", false),
            ("5.0-preview.2", "5.0", false),
            ("7.1", "7.1-preview.1", false),
            ("7.1", "latest", false),
        ] {
            assert_eq!(accepts(own, asked), accepted, "{own} {asked}");
        }
    }
}
