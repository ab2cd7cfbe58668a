//! SonarPrepare: the record, the variables, the properties, the secrets.

use crate::fake_agent::Task;
use crate::fake_sonarqube::{SonarQube, TOKEN};
use crate::scenario::Scenario;
use serde_json::{Value, json};

/// Lines of `SONARQUBE_SCANNER_PARAMS`.
fn parameters(step: &crate::fake_agent::Step) -> serde_json::Map<String, Value> {
    serde_json::from_str(step.variable("SONARQUBE_SCANNER_PARAMS")).unwrap()
}

#[test]
fn prepare_leaves_a_record_and_the_established_variables() {
    let mut scenario = Scenario::new();
    let step = scenario.prepare(&[("cliProjectName", "The shop"), ("cliSources", "src")]);
    step.succeeded();

    let [folder] = &scenario.records()[..] else { panic!("one record") };
    let id = folder.file_name().unwrap().to_str().unwrap();
    assert!(id.len() == 32 && id.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c)), "{id}");
    let record = scenario.record(0, "prepared.json");
    assert_eq!(record["id"], id);
    assert_eq!(record["projectKey"], "shop");
    assert_eq!(record["baseDir"], ".");
    assert_eq!(record["buildId"], "4711");
    assert_eq!(record["target"], json!({ "mainBranch": { "name": "main" } }));
    assert_eq!(record["server"]["facts"]["version"], "26.9.0.129388");

    let names: Vec<_> = step.set_variables().into_iter().map(|(name, _, secret)| (name, secret)).collect();
    let token_variable = format!("SONAR_AZDO_TOKEN_{}", id.to_uppercase());
    assert_eq!(
        names,
        [
            (token_variable.as_str(), true),
            ("SONAR_SERVER_VERSION", false),
            ("SONAR_SCANNER_MODE", false),
            ("SONAR_ENDPOINT", true),
            ("SONAR_SCANNER_LOCATION", false),
            ("SONAR_SCANNER_REPORTTASKFILE", false),
            ("SONARQUBE_SCANNER_PARAMS", false),
        ]
    );
    assert_eq!(step.variable(&token_variable), TOKEN);
    assert_eq!(step.variable("SONAR_SERVER_VERSION"), "26.9.0");
    assert_eq!(step.variable("SONAR_SCANNER_MODE"), "cli");
    assert_eq!(step.variable("SONAR_SCANNER_LOCATION"), "");
    let report = folder.join("report-task.txt").display().to_string();
    assert_eq!(step.variable("SONAR_SCANNER_REPORTTASKFILE"), report);
    let endpoint: Value = serde_json::from_str(step.variable("SONAR_ENDPOINT")).unwrap();
    let url = scenario.sonarqube.url();
    assert_eq!(endpoint, json!({ "type": "SonarQube Server", "data": { "url": url, "username": TOKEN } }));
    assert_eq!(
        Value::from(parameters(&step)),
        json!({
            "sonar.host.url": url, "sonar.projectKey": "shop", "sonar.projectName": "The shop",
            "sonar.projectVersion": "1.0", "sonar.sources": "src", "sonar.scanner.metadataFilePath": report,
        })
    );
}

#[test]
fn secrets_are_registered_before_the_first_line() {
    let mut scenario = Scenario::new();
    let step = scenario.prepare(&[]);
    let first = step.lines.iter().take_while(|line| line.starts_with("##vso[task.setsecret]")).count();
    assert!(first >= 3, "the token, its Base64 form and the header: {:?}", step.lines);
    let registered: Vec<_> = step.commands[..first].iter().map(|command| command.data.as_str()).collect();
    let authorization = scenario.sonarqube.asked().into_iter().find_map(|asked| asked.authorization).unwrap();
    for secret in [TOKEN, &authorization, authorization.trim_start_matches("Basic ")] {
        assert!(registered.contains(&secret), "{registered:?}");
    }
}

#[test]
fn config_mode_file_takes_the_project_from_the_settings_file() {
    let mut scenario = Scenario::new();
    let file = scenario.job.write("conf/sonar.properties", "# ours\nsonar.projectKey : sh\\u006fp\n");
    let step = scenario.prepare(&[("configMode", "file"), ("configFile", "conf/sonar.properties")]);
    step.succeeded();
    assert_eq!(scenario.record(0, "prepared.json")["projectKey"], "shop");
    assert_eq!(scenario.record(0, "prepared.json")["settingsFile"], "conf/sonar.properties");
    let parameters = parameters(&step);
    assert_eq!(parameters["project.settings"], file.display().to_string());
    // The inputs of the other modes have defaults, which are not meant here.
    assert!(!parameters.contains_key("sonar.sources") && !parameters.contains_key("sonar.projectVersion"));
}

#[test]
fn config_mode_file_reports_mistakes_in_the_file() {
    let mut scenario = Scenario::new();
    let step = scenario.prepare(&[("configMode", "file")]);
    insta::assert_snapshot!(scenario.job.tidy(step.sole_error()), @"the settings file <job>/s/sonar-project.properties does not exist. Add it to the repository, set configFile to where it is, or use `configMode: manual` with cliProjectKey and cliSources.");
    scenario.job.write("sonar-project.properties", "sonar.sources=src\n");
    let step = scenario.prepare(&[("configMode", "file")]);
    insta::assert_snapshot!(scenario.job.tidy(step.sole_error()), @"the settings file <job>/s/sonar-project.properties does not set sonar.projectKey. Add the line sonar.projectKey=<key of the SonarQube project> to it or to extraProperties.");
    assert!(scenario.records().is_empty());
}

#[test]
fn mode_other_passes_the_token_in_the_scanner_parameters() {
    let mut scenario = Scenario::new();
    scenario.job.allow_leaks();
    let step = scenario.prepare(&[("scannerMode", "other")]);
    step.succeeded();
    assert_eq!(step.leaks.len(), 1, "{:?}", step.leaks);
    assert!(step.leaks[0].contains("variable=SONARQUBE_SCANNER_PARAMS;") && !step.leaks[0].contains(TOKEN));
    let parameters = parameters(&step);
    assert_eq!(parameters["sonar.token"], TOKEN);
    assert_eq!(parameters["sonar.scanner.metadataFilePath"], step.variable("SONAR_SCANNER_REPORTTASKFILE"));
    assert!(!parameters.contains_key("sonar.projectKey"));
    scenario.analyze().succeeded().says("Nothing to do");

    let old = SonarQube::start();
    old.change(|model| model.version = "9.9.8.100196".into());
    let mut scenario = Scenario::with(old);
    scenario.job.allow_leaks();
    let step = scenario.prepare(&[("scannerMode", "other")]);
    step.succeeded();
    let parameters = self::parameters(&step);
    assert_eq!(parameters["sonar.login"], TOKEN, "sonar.token came with 10.0");
    assert!(!parameters.contains_key("sonar.token"));
}

#[test]
fn extra_properties_win_over_other_settings() {
    let mut scenario = Scenario::new();
    let extra = "# a comment\r\n\r\n  # sonar.indented=1\n sonar.exclusions = **/gen/** \r\nsonar.projectName=A=B\n\
                 sonar.links.ci=\n=nothing\nsonar.sources=lib\nno property\n";
    let step = scenario.prepare(&[("extraProperties", extra), ("cliProjectName", "Input")]);
    step.succeeded();
    let parameters = parameters(&step);
    for (key, value) in [
        ("sonar.exclusions", "**/gen/**"),
        ("sonar.projectName", "A=B"),
        ("sonar.links.ci", ""),
        ("sonar.sources", "lib"),
    ] {
        assert_eq!(parameters[key], value, "{key}");
    }
    assert!(!parameters.keys().any(|key| key.contains("indented") || key.contains('#')));
    assert_eq!(
        step.warnings,
        [
            "line 7 of extraProperties is not key=value and is ignored",
            "line 9 of extraProperties is not key=value and is ignored",
        ]
    );
}

#[test]
fn strict_properties_make_a_malformed_line_an_error() {
    let mut scenario = Scenario::new();
    let inputs = [("strictProperties", "true"), ("extraProperties", "sonar.sources=src\nsonar.exclusions")];
    let step = scenario.prepare(&inputs);
    insta::assert_snapshot!(step.sole_error(), @"line 2 of extraProperties (sonar.exclusions) is not key=value. Write key=value, or begin the line with # to make it a comment.");
    assert!(scenario.sonarqube.asked().is_empty(), "found before anybody is asked");
}

#[test]
fn a_misspelt_property_is_pointed_out() {
    let mut scenario = Scenario::new();
    let extra =
        "sonar.exclusion=a\nsonar.projectkey=b\nsonar.java.binareis=c\nsonar.mine.own=d\nsonar.exclusions=e";
    let step = scenario.prepare(&[("extraProperties", extra)]);
    step.succeeded();
    insta::assert_snapshot!(step.warnings.join("\n"), @"
    SonarQube knows no property sonar.exclusion; did you mean sonar.exclusions?
    SonarQube knows no property sonar.java.binareis; did you mean sonar.java.binaries?
    SonarQube knows no property sonar.projectkey; did you mean sonar.projectKey?
    ");
    assert_eq!(parameters(&step)["sonar.exclusion"], "a", "it is only a guess");
}

#[test]
fn extra_properties_cannot_send_the_token_elsewhere() {
    let mut scenario = Scenario::new();
    let engine = scenario.engine("");
    let extra = format!(
        "{engine}\nsonar.host.url=http://evil.example\nsonar.token=mine\nsonar.scanner.apiBaseUrl=http://evil.example\n\
         sonar.login=mine\nsonar.password=mine\nsonar.scanner.sonarcloudUrl=http://evil.example"
    );
    let step = scenario.prepare(&[("extraProperties", &extra)]);
    step.succeeded();
    assert_eq!(step.warnings.len(), 6, "{:?}", step.warnings);
    scenario.job.set("SONAR_HOST_URL", "http://evil.example");
    scenario.job.set("SONAR_SCANNER_API_BASE_URL", "http://evil.example");
    scenario.job.write("sonar-project.properties", "sonar.host.url=http://evil.example\nsonar.login=mine\n");
    scenario.analyze();
    let properties = scenario.engine_properties();
    let value = |name: &str| properties.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!(value("sonar.host.url"), Some(scenario.sonarqube.url().as_str()));
    assert_eq!(
        value("sonar.scanner.apiBaseUrl"),
        Some(format!("{}/api/v2", scenario.sonarqube.url()).as_str())
    );
    assert_eq!(value("sonar.token"), Some(TOKEN));
    assert_eq!(value("sonar.login"), None);
}

#[test]
fn properties_named_like_secrets_are_kept_secret() {
    let mut scenario = Scenario::new();
    let password = "correct horse battery";
    scenario.job.watch_for(password);
    scenario.job.set("System.Debug", "true");
    let engine = scenario.engine("");
    let extra = format!("{engine}\nsonar.scanner.truststorePassword={password}");
    let step = scenario.prepare(&[("extraProperties", &extra)]);
    step.succeeded();
    assert!(!parameters(&step).contains_key("sonar.scanner.truststorePassword"));
    scenario.analyze();
    let given = ("sonar.scanner.truststorePassword".to_owned(), password.to_owned());
    assert!(scenario.engine_properties().contains(&given));
}

#[test]
fn prepare_tells_what_is_analysed_why_and_where_to_change_it() {
    let mut scenario = Scenario::new();
    let step = scenario.prepare(&[]);
    let lines: Vec<_> = step.lines.iter().filter(|line| !line.starts_with("##vso")).collect();
    let mut once = lines.clone();
    once.dedup();
    assert_eq!(lines, once, "no line twice");
    let lines: Vec<_> = lines.iter().map(|line| scenario.job.tidy(line)).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    SonarQube Community Build 26.9.0.129388 at <server>
    Analysing main as the main branch
    Because the default branch is main (according to Azure Repos)
    To analyse something else, set the input branch, defaultBranch, tags or onUnsupportedBranch
    ");
}

#[test]
fn debug_lines_are_written_with_system_debug_only() {
    let mut scenario = Scenario::new();
    assert!(scenario.prepare(&[]).debug.is_empty());
    scenario.job.set("System.Debug", "true");
    let step = scenario.prepare(&[]);
    assert!(
        step.debug.iter().any(|line| line.contains("/api/system/status -> 200")),
        "{}",
        step.transcript()
    );
}

#[test]
fn each_connection_type_authenticates_as_its_server_expects() {
    let authorization = |scenario: &Scenario| {
        let asked = scenario.sonarqube.asked();
        assert!(asked.iter().all(|one| one.authorization == asked[0].authorization));
        asked[0].authorization.clone().unwrap()
    };
    // The extension's own type, at a Server.
    let mut scenario = Scenario::new();
    let own = scenario.job.connect_by_token(&scenario.sonarqube.url(), TOKEN);
    scenario.prepare(&[("SonarQube", ""), ("connection", &own)]).succeeded();
    assert!(authorization(&scenario).starts_with("Basic "));

    // A connection made before there were tokens.
    let mut scenario = Scenario::new();
    let (user, password) = ("builder", "s3cr3t-of-the-builder");
    let header = format!(
        "Basic {}",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{user}:{password}"))
    );
    scenario.sonarqube.change(|model| model.accepted = vec![header.clone()]);
    let by_password = scenario.job.connect_by_password(&scenario.sonarqube.url(), user, password);
    let step = scenario.prepare(&[("SonarQube", &by_password)]);
    step.succeeded();
    assert_eq!(authorization(&scenario), header);
    assert!(step.commands.iter().any(|command| command.is("task.setsecret") && command.data == password));

    // SonarQube Cloud's type: a bearer token, also where the API is asked.
    let mut scenario = Scenario::new();
    scenario.sonarqube.change(|model| model.accepted = vec![format!("Bearer {TOKEN}")]);
    let cloud = scenario.job.connect_by_token(&scenario.sonarqube.url(), TOKEN);
    scenario.prepare(&[("SonarQube", ""), ("SonarCloud", &cloud), ("organization", "contoso")]).succeeded();
    assert_eq!(authorization(&scenario), format!("Bearer {TOKEN}"));
}

#[test]
fn a_server_that_is_starting_is_waited_for() {
    let mut scenario = Scenario::new();
    let starting = json!({ "id": "1", "version": "26.9.0.129388", "status": "STARTING" });
    scenario.sonarqube.script("/api/system/status", [crate::fake_sonarqube::json_answer(&starting)]);
    scenario.prepare(&[]).succeeded().says("is not up yet (STARTING); waiting");
}

#[test]
fn transient_network_errors_are_retried() {
    let mut scenario = Scenario::new();
    let busy = wiremock::ResponseTemplate::new(429).insert_header("Retry-After", "1");
    scenario.sonarqube.script("/api/features/list", [busy]);
    scenario.sonarqube.script("/api/system/status", [wiremock::ResponseTemplate::new(503)]);
    scenario.job.azure.stumble(&[503]);
    scenario.prepare(&[]).succeeded();
    assert_eq!(scenario.sonarqube.times_asked("/api/features/list"), 2);
    assert_eq!(scenario.sonarqube.times_asked("/api/system/status"), 2);
    assert_eq!(scenario.job.azure.requests().len(), 2);
}

#[test]
fn several_analyses_may_be_prepared_in_one_job() {
    let mut scenario = Scenario::new();
    // Where read-only variables are protected, the second must not set one of the first.
    scenario.job.set("agent.readOnlyVariables", "true");
    let first = scenario.prepare(&[]);
    let second = scenario.prepare(&[("cliProjectKey", "blog")]);
    first.succeeded();
    second.succeeded();
    assert_eq!(scenario.records().len(), 2);
    let report = "SONAR_SCANNER_REPORTTASKFILE";
    assert_ne!(first.variable(report), second.variable(report));
    let step = scenario.job.run(Task::Analyze, &[]);
    // Both were prepared in the same second, perhaps.
    let error = step.sole_error().replace("blog, shop", "shop, blog");
    insta::assert_snapshot!(error, @"2 prepared analyses have not run yet: shop, blog. Run each SonarAnalyze right after its SonarPrepare, or give both the same analysisName.");
}
