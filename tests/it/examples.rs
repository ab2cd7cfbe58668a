//! Checks the documentation: examples are YAML and use inputs and values that the tasks have, and links lead somewhere.

use serde_json::Value;
use sonar_azdo::analysis::monorepo::entries;
use std::fs;
use std::path::{Path, PathBuf};
use yaml_rust2::{Yaml, YamlLoader};

const TASKS: [&str; 5] = ["prepare", "analyze", "publish", "gate", "build-gate"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Markdown files for readers.
fn pages() -> Vec<PathBuf> {
    let below = |folder: &str| fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let all = [".", "docs", "docs/reference", "task"].into_iter().flat_map(below);
    all.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// The YAML blocks of a page, without their indentation.
fn examples(page: &str) -> Vec<String> {
    let (mut blocks, mut open): (Vec<String>, Option<usize>) = (Vec::new(), None);
    for line in page.lines() {
        let indent = line.len() - line.trim_start().len();
        match (line.trim_start(), open) {
            ("```yaml", None) => {
                open = Some(indent);
                blocks.push(String::new());
            }
            ("```", Some(_)) => open = None,
            (_, Some(outer)) => *blocks.last_mut().unwrap() += &format!("{}\n", &line[outer.min(indent)..]),
            _ => {}
        }
    }
    blocks
}

fn manifests() -> Vec<Value> {
    let read = |task: &str| fs::read_to_string(root().join(format!("task/{task}/task.json"))).unwrap();
    TASKS.iter().map(|task| serde_json::from_str(&read(task)).unwrap()).collect()
}

fn text(value: &Yaml) -> String {
    match value {
        Yaml::Boolean(value) => value.to_string(),
        Yaml::Integer(value) => value.to_string(),
        other => other.as_str().unwrap().to_owned(),
    }
}

fn is_named(input: &Value, name: &str) -> bool {
    input["name"] == name || input["aliases"].as_array().is_some_and(|all| all.iter().any(|one| one == name))
}

/// The mistakes in these inputs of a task.
fn mistakes(manifest: &Value, given: &[(String, String)]) -> Vec<String> {
    let inputs = manifest["inputs"].as_array().unwrap();
    let own =
        |input: &Value| given.iter().find(|(name, _)| is_named(input, name)).map(|(_, value)| value.as_str());
    let value = |input: &Value| own(input).or(input["defaultValue"].as_str()).unwrap_or_default().to_owned();
    let mut wrong = Vec::new();
    for (name, value) in given {
        let Some(input) = inputs.iter().find(|input| is_named(input, name)) else {
            wrong.push(format!("has no input {name}"));
            continue;
        };
        let options = input["options"].as_object();
        let is_choice = options.is_none_or(|options| options.contains_key(value));
        let is_boolean = input["type"] != "boolean" || ["true", "false"].contains(&value.as_str());
        if !(is_choice && is_boolean) {
            wrong.push(format!("{name} can't be {value}"));
        }
        if name == "monorepo" {
            wrong.extend(entries(value).err().map(|error| error.to_string()));
        }
    }
    let holds = |condition: &str| {
        let (name, wanted) = condition.split_once(" = ").or(condition.split_once(" != ")).unwrap();
        let input = inputs.iter().find(|input| is_named(input, name)).unwrap();
        (value(input) == wanted) == condition.contains(" = ")
    };
    let is_visible = |rule: &str| rule.split(" || ").any(|all| all.split(" && ").all(holds));
    for input in inputs.iter().filter(|input| input["required"] == true && value(input).is_empty()) {
        if input["visibleRule"].as_str().is_none_or(is_visible) {
            wrong.push(format!("needs {}", input["name"]));
        }
    }
    let connections = ["SonarQube", "SonarCloud", "connection"];
    let count = given.iter().filter(|(name, _)| connections.contains(&name.as_str())).count();
    if manifest["name"] == "SonarPrepare" && count != 1 {
        wrong.push(format!("has {count} service connections"));
    }
    wrong
}

/// Adds the mistakes of our tasks in a piece of YAML. Returns the number of tasks.
fn check(node: &Yaml, manifests: &[Value], wrong: &mut Vec<String>) -> usize {
    let Yaml::Hash(map) = node else {
        return node.as_vec().into_iter().flatten().map(|item| check(item, manifests, wrong)).sum();
    };
    let of_ours = node["task"].as_str().and_then(|task| {
        let manifest =
            manifests.iter().find(|manifest| task.split('@').next() == manifest["name"].as_str())?;
        let inputs = node["inputs"].as_hash().into_iter().flatten();
        let given: Vec<_> = inputs.map(|(name, value)| (text(name), text(value))).collect();
        wrong.extend(mistakes(manifest, &given).into_iter().map(|mistake| format!("{task} {mistake}")));
        Some(())
    });
    usize::from(of_ours.is_some()) + map.values().map(|value| check(value, manifests, wrong)).sum::<usize>()
}

/// Adds each macro, `$(name)`, in the text of a script: the agent puts the value there before the shell reads the text, so
/// that a value becomes commands. In `env:` it stays a value.
fn macros_in_scripts(node: &Yaml, wrong: &mut Vec<String>) {
    const TEXTS: [&str; 6] = ["script", "bash", "pwsh", "powershell", "inlineScript", "inline"];
    let Yaml::Hash(map) = node else {
        return node.as_vec().into_iter().flatten().for_each(|item| macros_in_scripts(item, wrong));
    };
    for (key, value) in map {
        let is_text = key.as_str().is_some_and(|key| TEXTS.iter().any(|text| text.eq_ignore_ascii_case(key)));
        match value.as_str().filter(|text| is_text && text.contains("$(")) {
            Some(text) => wrong.push(format!("a macro in a script, where env: is to be used: {text}")),
            None => macros_in_scripts(value, wrong),
        }
    }
}

#[test]
fn every_example_uses_inputs_and_values_that_the_tasks_have() {
    let (manifests, mut wrong, mut tasks) = (manifests(), Vec::new(), 0);
    for page in pages() {
        for example in examples(&fs::read_to_string(&page).unwrap()) {
            let mut found = Vec::new();
            match YamlLoader::load_from_str(&example) {
                Ok(documents) => {
                    tasks += documents.iter().map(|node| check(node, &manifests, &mut found)).sum::<usize>();
                    documents.iter().for_each(|node| macros_in_scripts(node, &mut found));
                }
                Err(error) => found.push(format!("{error}: {example}")),
            }
            wrong.extend(found.into_iter().map(|mistake| format!("{}: {mistake}", page.display())));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(tasks > 20, "{tasks}");
}

/// Most users build .NET: three tasks around build and test.
#[test]
fn the_first_pipeline_in_the_readme_is_dotnet() {
    for page in ["README.md", "docs/dotnet.md"] {
        let examples = examples(&fs::read_to_string(root().join(page)).unwrap());
        let pipeline = YamlLoader::load_from_str(&examples[0]).unwrap().remove(0);
        let steps = pipeline["steps"].as_vec().unwrap();
        let tasks: Vec<_> = steps.iter().filter_map(|step| step["task"].as_str()).collect();
        let expected =
            ["SonarPrepare@0", "DotNetCoreCLI@2", "DotNetCoreCLI@2", "SonarAnalyze@0", "SonarPublish@0"];
        assert_eq!(tasks, expected, "{page}");
        let commands: Vec<_> = steps.iter().filter_map(|step| step["inputs"]["command"].as_str()).collect();
        assert_eq!(commands, ["build", "test"], "{page}");
    }
}

#[test]
fn a_wrong_example_is_found() {
    let page = "1. So:\n   ```yaml\n   - task: SonarPrepare@0\n     inputs: { connection: a, SonarQube: b, tags: all, key: x }\n   \
                - task: Other@1\n     inputs: { y: z }\n   - task: SonarGate@0\n   ```\nNo YAML\n";
    let [example] = examples(page).try_into().unwrap();
    let mut wrong = Vec::new();
    let count = check(&YamlLoader::load_from_str(&example).unwrap()[0], &manifests(), &mut wrong);
    assert_eq!(count, 2);
    assert_eq!(
        wrong,
        [
            "SonarPrepare@0 tags can't be all",
            "SonarPrepare@0 has no input key",
            "SonarPrepare@0 needs \"projectKey\"",
            "SonarPrepare@0 has 2 service connections",
            "SonarGate@0 needs \"connection\"",
            "SonarGate@0 needs \"projectKey\"",
        ]
    );
}

#[test]
fn a_macro_in_a_script_is_found() {
    let found = |example: &str| {
        let mut wrong = Vec::new();
        macros_in_scripts(&YamlLoader::load_from_str(example).unwrap()[0], &mut wrong);
        wrong.len()
    };
    for (example, count) in [
        ("- script: echo $(gate.dashboardUrl)", 1),
        ("jobs: [{ steps: [{ bash: 'a $(x)' }, { pwsh: |\n  a\n  $(y) }] }]", 2),
        ("- task: Bash@3\n  inputs: { targetType: inline, script: curl $(dashboard) }", 1),
        ("- script: echo $DASHBOARD\n  env: { DASHBOARD: $(dashboard) }", 0),
        ("- task: SonarPrepare@0\n  inputs: { cliProjectKey: $(component) }", 0),
    ] {
        assert_eq!(found(example), count, "{example}");
    }
}

#[test]
fn every_link_leads_to_a_file_or_heading() {
    let mut wrong = Vec::new();
    for page in pages() {
        let written = fs::read_to_string(&page).unwrap();
        let links = written.match_indices("](").map(|(at, _)| written[at + 2..].split(')').next().unwrap());
        for link in links.filter(|link| !link.contains("://")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.with_file_name(file) };
            let is_kept = |c: &char| c.is_alphanumeric() || "- _".contains(*c);
            let of_heading = |line: &str| {
                let words: String = line.trim_start_matches(['#', ' ']).chars().filter(is_kept).collect();
                words.to_lowercase().replace(' ', "-")
            };
            let is_there = fs::read_to_string(target).is_ok_and(|text| {
                heading.is_empty()
                    || text.lines().any(|line| line.starts_with('#') && of_heading(line) == heading)
            });
            wrong.extend((!is_there).then(|| format!("{}: {link}", page.display())));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
