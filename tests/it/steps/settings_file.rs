//! What the settings files of a repository may set, and what not: the author of a pull request writes them.

use super::scanners::{archive, java, report};
use crate::fake_agent::{Step, TaskResult};
use crate::fake_sonarqube::{SonarQube, TOKEN};
use crate::scenario::Scenario;
use std::os::unix::fs::symlink;

const FILE: &str = "sonar-project.properties";

/// Where a settings file lies.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    /// That of `configMode: file`.
    Named,
    /// Below the inputs of `configMode: manual`.
    Below,
    /// In a module.
    Module,
    /// In a project of a monorepo.
    Monorepo,
}

const PLACES: [Place; 4] = [Place::Named, Place::Below, Place::Module, Place::Monorepo];

impl Place {
    fn file(self) -> &'static str {
        match self {
            Self::Named | Self::Below => FILE,
            Self::Module => "web/sonar-project.properties",
            Self::Monorepo => "services/web/sonar-project.properties",
        }
    }
}

/// A job with a settings file of these lines, and what SonarPrepare and SonarAnalyze made of it.
struct Analysis {
    scenario: Scenario,
    prepare: Step,
    analyze: Step,
}

impl Analysis {
    fn with(mut scenario: Scenario, place: Place, lines: &str, inputs: &[(&str, &str)]) -> Self {
        let engine = scenario.engine(&scenario.report("1", "shop"));
        let key = if place == Place::Named { "sonar.projectKey=shop\n" } else { "" };
        scenario.job.write(place.file(), &format!("{key}# a comment\n{lines}\n"));
        if place == Place::Module {
            scenario.job.write(FILE, "sonar.modules=web\n");
        }
        let monorepo = "- { key: shop, baseDir: services/web }";
        let mut all = vec![("scannerMode", "cli"), ("extraProperties", engine.as_str())];
        all.extend(match place {
            Place::Named => vec![("configMode", "file")],
            Place::Below | Place::Module => vec![("configMode", "manual"), ("cliProjectKey", "shop")],
            Place::Monorepo => vec![("monorepo", monorepo)],
        });
        all.extend(inputs);
        let prepare = scenario.prepare_as(&all);
        let analyze = scenario.analyze();
        Self { scenario, prepare, analyze }
    }

    /// What the engine was given.
    fn given(&self, key: &str) -> Option<String> {
        let all = self.scenario.engine_properties();
        all.into_iter().find(|(other, _)| other == key).map(|(_, value)| value)
    }

    fn ended(&self, result: TaskResult) -> &Self {
        self.prepare.succeeded();
        self.analyze.ended(result);
        self
    }
}

/// A settings file that sets `key` is analysed as if it did not, with a warning that names file, line and what to do.
fn refuses(key: &str, value: &str) {
    for place in PLACES {
        let lines = format!("{key}={value}");
        let scenario = Scenario::with(SonarQube::with_branches());
        // That input has a default, which would win.
        let analysis = Analysis::with(scenario, place, &lines, &[("cliSources", "")]);
        analysis.ended(TaskResult::Succeeded);
        let line = if place == Place::Named { 3 } else { 2 };
        let module = if place == Place::Module { "web." } else { "" };
        let warning = format!("{module}{key} in line {line} of {} is ignored, because it ", place.file());
        analysis.analyze.warns(&warning);
        let given = analysis.given(&format!("{module}{key}"));
        assert_ne!(given.as_deref(), Some(value), "{place:?}");
        assert_eq!(analysis.scenario.record(0, "analyzed.json")["outcome"], "succeeded", "{place:?}");
    }
}

#[test]
fn settings_file_cannot_choose_java() {
    let scenario = Scenario::new();
    let evil = scenario.job.path("evil-java").display().to_string();
    refuses("sonar.scanner.javaExePath", &evil);
}

#[test]
fn settings_file_cannot_choose_the_engine_or_its_options() {
    refuses("sonar.scanner.engineJarPath", "evil.jar");
    refuses("sonar.scanner.javaOpts", "-javaagent:evil.jar");
}

#[test]
fn settings_file_cannot_have_the_java_analyzer_run_code() {
    refuses("sonar.java.jdkHome", "jdk");
    // Libraries called so are run. A pull request may add one to those that the pipeline names, too.
    for (of_file, extra) in [
        ("sonar.java.libraries=lib/jrt-fs.jar", ""),
        ("sonar.java.binaries=out, lib", ""),
        ("sonar.java.test.libraries=**/*.jar", ""),
        ("sonar.sourceEncoding=UTF-8", "sonar.java.libraries=lib/*.jar"),
        ("sonar.java.libraries=../a/*.jar", ""),
        ("sonar.modules=web\nsonar.java.libraries=of-module/*.jar", ""),
        ("sonar.java.libraries=\"x,y/a.jar\"", ""),
    ] {
        let mut scenario = Scenario::new();
        let engine = scenario.engine(&scenario.report("1", "shop"));
        scenario.job.write("lib/jrt-fs.jar", "evil");
        scenario.job.write("web/of-module/jrt-fs.jar", "evil");
        std::fs::write(scenario.job.path("a/jrt-fs.jar"), "of an earlier build").unwrap();
        std::fs::create_dir(scenario.job.sources().join("x,y")).unwrap();
        symlink("../lib/jrt-fs.jar", scenario.job.sources().join("x,y/a.jar")).unwrap();
        scenario.job.write(FILE, &format!("{of_file}\n"));
        scenario.prepare(&[("extraProperties", &format!("{engine}\n{extra}"))]).succeeded();
        let step = scenario.analyze();
        let error = step.sole_error();
        assert!(error.contains(", whose code the analyzer for Java"), "{of_file}: {error}");
        assert!(!scenario.job.path("engine/stdin").exists(), "{of_file}");
    }
    // Libraries go on working, beside a Java that a build has unpacked in the sources, too.
    let mut scenario = Scenario::new();
    let engine = scenario.engine(&scenario.report("1", "shop"));
    scenario.job.write("tools/jdk/lib/jrt-fs.jar", "honest");
    scenario.job.write("lib/a.jar", "honest");
    scenario.job.write(FILE, "sonar.java.libraries=lib/*.jar\nsonar.java.binaries=out\n");
    scenario.prepare(&[("extraProperties", &engine)]).succeeded();
    scenario.analyze().succeeded();
}

#[test]
fn settings_file_cannot_hide_a_property_behind_a_blank() {
    let scenario = Scenario::with(SonarQube::with_branches());
    let lines = "sonar.branch.name\\ =evil\nsonar.exclusions\\ =**/gen/**";
    let analysis = Analysis::with(scenario, Place::Below, lines, &[]);
    analysis.ended(TaskResult::Succeeded);
    analysis.analyze.warns(
        "sonar.branch.name in line 2 of sonar-project.properties is ignored, because it may not be set there",
    );
    assert_eq!(analysis.given("sonar.exclusions").as_deref(), Some("**/gen/**"));
    let keys = analysis.scenario.engine_properties();
    assert!(keys.iter().all(|(key, _)| !key.contains(' ')), "{keys:?}");
    let narrowed = &analysis.scenario.record(0, "analyzed.json")["extent"]["narrowed"];
    assert_eq!(narrowed.as_array().map(Vec::len), Some(1), "{narrowed}");
}

#[test]
fn settings_file_cannot_hide_a_property_behind_the_name_of_a_module() {
    for module in ["a.sonar.b", "a.sonar"] {
        let scenario = Scenario::new();
        scenario.job.write(&format!("{module}/lib/jrt-fs.jar"), "evil");
        let lines = format!(
            "sonar.modules={module}\n{module}.sonar.sources=/etc\n{module}.sonar.java.libraries=lib/*.jar\n\
             {module}.sonar.issue.ignore.multicriteria=e1"
        );
        let analysis = Analysis::with(scenario, Place::Below, &lines, &[]);
        analysis.ended(TaskResult::Succeeded);
        for (line, key) in
            [(3, "sonar.sources"), (4, "sonar.java.libraries"), (5, "sonar.issue.ignore.multicriteria")]
        {
            assert_eq!(analysis.given(&format!("{module}.{key}")), None);
            analysis.analyze.warns(&format!("{module}.{key} in line {line} of {FILE} is ignored, because "));
        }
    }
}

#[test]
fn settings_file_cannot_hide_a_module_behind_a_name() {
    let scenario = Scenario::new();
    std::fs::create_dir(scenario.job.sources().join("${none}evil")).unwrap();
    symlink("/tmp", scenario.job.sources().join("evil")).unwrap();
    let analysis = Analysis::with(scenario, Place::Below, "sonar.modules=${none}evil", &[]);
    assert!(analysis.analyze.sole_error().contains("the module evil leaves the sources"));

    // A name that only the settings file of a module gives a value.
    let scenario = Scenario::new();
    std::fs::create_dir(scenario.job.sources().join("evil")).unwrap();
    scenario.job.write("web/sonar-project.properties", "more=,evil\n");
    let analysis = Analysis::with(scenario, Place::Below, "sonar.modules=web${web.more}", &[]);
    analysis.ended(TaskResult::Succeeded);
    assert_eq!(analysis.given("sonar.modules").as_deref(), Some("web"));

    let mut scenario = Scenario::new();
    scenario.job.set("MY_MODULES", "web");
    scenario.job.set("MY_FOLDER", "src");
    scenario.job.write("web/src/a.py", "x = 1\n");
    scenario.job.write("web/sonar-project.properties", "sonar.projectBaseDir=${env.MY_FOLDER}\n");
    let analysis = Analysis::with(scenario, Place::Below, "sonar.modules=${env.MY_MODULES}", &[]);
    analysis.ended(TaskResult::Succeeded);
    assert_eq!(analysis.given("sonar.modules").as_deref(), Some("web"));
    assert!(analysis.given("web.sonar.projectBaseDir").unwrap().ends_with("/web/src"));
}

#[test]
fn settings_file_cannot_choose_the_project_that_the_pipeline_names() {
    for place in [Place::Below, Place::Module, Place::Monorepo] {
        let analysis = Analysis::with(Scenario::new(), place, "sonar.projectKey=evil", &[]);
        analysis.ended(TaskResult::Succeeded);
        assert_eq!(analysis.scenario.record(0, "prepared.json")["projectKey"], "shop", "{place:?}");
        assert_eq!(analysis.given("sonar.projectKey").as_deref(), Some("shop"), "{place:?}");
    }
}

#[test]
fn settings_file_cannot_move_the_cache() {
    refuses("sonar.userHome", "cache");
}

#[test]
fn settings_file_cannot_reroute_the_token() {
    refuses("sonar.scanner.proxyHost", "evil.example");
    refuses("sonar.scanner.truststorePath", "evil.p12");
    for key in ["sonar.host.url", "sonar.scanner.apiBaseUrl", "sonar.scanner.sonarcloudUrl", "sonar.token"] {
        refuses(key, "http://evil.example");
    }
}

#[test]
fn settings_file_cannot_skip() {
    refuses("sonar.scanner.skip", "true");
}

#[test]
fn settings_file_cannot_choose_what_is_judged() {
    for (key, value) in [
        ("sonar.branch.name", "evil"),
        ("sonar.branch.target", "evil"),
        ("sonar.pullrequest.key", "666"),
        ("sonar.pullrequest.base", "evil"),
        ("sonar.projectDate", "2001-01-01"),
        ("sonar.scm.revision", "0000"),
    ] {
        refuses(key, value);
    }
}

#[test]
fn settings_file_cannot_hold_the_agent_by_waiting_for_the_gate() {
    refuses("sonar.qualitygate.timeout", "2000000000");
}

#[test]
fn settings_file_cannot_start_programs() {
    refuses("sonar.nodejs.executable", "./evil");
    refuses("sonar.cfamily.compile-commands", "compile_commands.json");
    // The former name of sonar.nodejs.executable in the analyzer for CSS.
    refuses("sonar.css.node", "./evil");
    // The analyzer for PL/SQL loads the driver from this path or URL.
    refuses("sonar.plsql.jdbc.driver.path", "evil.jar");
    // The analysis of dependencies runs package managers with these.
    refuses("sonar.sca.pythonBinary", "./evil");
    refuses("sonar.sca.mavenOptions", "-f evil.xml");
}

#[test]
fn settings_file_cannot_empty_a_folder_outside_the_sources() {
    for folder in ["/tmp/evil", "../..", ".", "..", "src/../../x", ".git", "x/.git/y"] {
        refuses("sonar.working.directory", folder);
    }
}

#[test]
fn settings_file_cannot_index_or_import_files_outside_the_sources() {
    for (key, path) in [
        ("sonar.sources", "/etc"),
        // The engine drops some blanks and keeps others: two folders may differ in one that is hard to see.
        ("sonar.sources", "src\u{a0}"),
        ("sonar.sources", "src\u{2003}"),
        ("sonar.sources", "\" src\""),
        ("sonar.java.libraries", "lib\u{a0}"),
        ("sonar.sources", ".,/etc"),
        ("sonar.tests", "../../../../../../../../../../etc"),
        ("sonar.sarifReportPaths", "/etc/passwd"),
        ("sonar.python.coverage.reportPaths", "/etc/**/*.xml"),
        ("sonar.coverageReportPaths", "**/../../../../../../x.xml"),
    ] {
        refuses(key, path);
    }
}

#[test]
fn a_link_cannot_lead_a_setting_out_of_the_sources() {
    let linked = |to: &str, lines: &str| {
        let scenario = Scenario::with(SonarQube::with_branches());
        symlink(to, scenario.job.sources().join("link")).unwrap();
        Analysis::with(scenario, Place::Below, lines, &[])
    };
    for (lines, key) in [
        ("sonar.working.directory=link/x", "sonar.working.directory"),
        ("sonar.tests=link", "sonar.tests"),
        ("sonar.projectBaseDir=link", "sonar.projectBaseDir"),
    ] {
        let analysis = linked("/tmp", lines);
        analysis.ended(TaskResult::Succeeded);
        analysis.analyze.warns(&format!("{key} in line 2 of {FILE} is ignored, because it "));
    }
    let scenario = Scenario::new();
    symlink("/tmp", scenario.job.sources().join(".scannerwork")).unwrap();
    let analysis = Analysis::with(scenario, Place::Below, "", &[]);
    let error = analysis.scenario.job.tidy(analysis.analyze.sole_error());
    insta::assert_snapshot!(error, @"<job>/s/.scannerwork is a link that leads out of the base directory. Remove it from the repository, or set sonar.working.directory in extraProperties of SonarPrepare: the scanner empties that folder.");
}

#[test]
fn a_settings_file_must_be_a_regular_file() {
    for (target, expected) in
        [("/dev/zero", "is not a regular file"), ("/etc/passwd", "leads out of the sources")]
    {
        let mut scenario = Scenario::new();
        symlink(target, scenario.job.sources().join(FILE)).unwrap();
        let step = scenario.prepare(&[]);
        assert!(step.sole_error().contains(expected), "{}", step.transcript());
    }
    let mut scenario = Scenario::new();
    let pipe = scenario.job.sources().join(FILE);
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(scenario.prepare(&[]).sole_error().contains("is not a regular file"));
    let mut scenario = Scenario::new();
    scenario.job.write(FILE, &format!("#{}", "x".repeat(1 << 20)));
    assert!(scenario.prepare(&[]).sole_error().contains("is larger than 1 MiB"));
}

/// The honest twin of all of the above.
#[test]
fn settings_file_may_set_what_is_analysed_and_how() {
    for place in PLACES {
        let scenario = Scenario::with(SonarQube::with_branches());
        let module = if place == Place::Module { "web." } else { "" };
        let folder = place.file().trim_end_matches(FILE);
        for file in ["src/a.py", "test/a_test.py", "src/gen/b.py"] {
            scenario.job.write(&format!("{folder}{file}"), "x = 1\n");
        }
        let report = scenario.job.temp().join("cov.xml");
        let library = scenario.job.path("lib/a.jar");
        let lines = format!(
            "sonar.sources=src\nsonar.tests=test\nsonar.exclusions=**/gen/**\nsonar.projectName=Shop\n\
             sonar.working.directory=build/.sonar\nsonar.java.libraries={}\nsonar.coverageReportPaths={},../x/*.xml\n\
             sonar.scanner.socketTimeout=300",
            library.display(),
            report.display()
        );
        let lines = if place == Place::Monorepo { lines } else { lines.replace(",../x/*.xml", "") };
        let analysis = Analysis::with(scenario, place, &lines, &[("cliSources", "")]);
        analysis.ended(TaskResult::Succeeded);
        for (key, value) in [
            ("sonar.tests", "test"),
            ("sonar.exclusions", "**/gen/**"),
            ("sonar.projectName", "Shop"),
            ("sonar.scanner.socketTimeout", "300"),
            ("sonar.java.libraries", library.to_str().unwrap()),
        ] {
            assert_eq!(analysis.given(&format!("{module}{key}")).as_deref(), Some(value), "{place:?}");
        }
        assert!(analysis.given(&format!("{module}sonar.coverageReportPaths")).unwrap().contains("cov.xml"));
        let told = format!(
            "sonar.exclusions=**/gen/** in line {} of {}",
            if place == Place::Named { 5 } else { 4 },
            place.file()
        );
        analysis.analyze.says(&format!("{told}, which leaves out 1 file"));
        let narrowed = &analysis.scenario.record(0, "analyzed.json")["extent"]["narrowed"];
        let one = narrowed
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["key"].as_str().unwrap().ends_with("exclusions"));
        assert_eq!(one.unwrap()["files"], 1);
    }
}

#[test]
fn a_trusted_settings_file_chooses_the_branch_but_not_where_the_token_goes() {
    let lines = "sonar.branch.name=mine\nsonar.projectDate=2020-01-01\nsonar.working.directory=build/x\n\
                 sonar.scanner.javaExePath=./evil\nsonar.scanner.skip=true\nsonar.userHome=x\nsonar.host.url=http://evil.example\n\
                 sonar.scanner.proxyHost=evil.example";
    let scenario = Scenario::with(SonarQube::with_branches());
    let analysis = Analysis::with(scenario, Place::Named, lines, &[("trustSettingsFile", "true")]);
    analysis.ended(TaskResult::Succeeded);
    assert_eq!(analysis.given("sonar.branch.name").as_deref(), Some("mine"));
    assert_eq!(analysis.given("sonar.projectDate").as_deref(), Some("2020-01-01"));
    for key in [
        "sonar.scanner.javaExePath",
        "sonar.scanner.skip",
        "sonar.userHome",
        "sonar.host.url",
        "sonar.scanner.proxyHost",
    ] {
        analysis.analyze.warns(&format!("{key} in line "));
    }
    assert_eq!(analysis.given("sonar.host.url"), Some(analysis.scenario.sonarqube.url()));
    assert_eq!(analysis.given("sonar.scanner.proxyHost"), None);
}

#[test]
fn a_property_overridden_by_the_pipeline_is_not_passed_as_empty() {
    let lines = "sonar.pullrequest.key=9\nsonar.pullrequest.branch=x\nsonar.branch.target=";
    let scenario = Scenario::with(SonarQube::with_branches());
    let inputs = [("trustSettingsFile", "true"), ("branch", "mine")];
    let analysis = Analysis::with(scenario, Place::Named, lines, &inputs);
    analysis.ended(TaskResult::Succeeded);
    assert_eq!(analysis.given("sonar.branch.name").as_deref(), Some("mine"));
    for key in ["sonar.pullrequest.key", "sonar.pullrequest.branch", "sonar.branch.target"] {
        assert_eq!(analysis.given(key), None, "{key}");
    }
}

#[test]
fn scope_from_pipeline_ignores_exclusions_of_the_repository() {
    for place in PLACES {
        let scenario = Scenario::with(SonarQube::with_branches());
        let lines = "sonar.exclusions=**/*\nsonar.issue.ignore.multicriteria=e1\nsonar.projectName=Shop";
        let inputs = [("scopeFrom", "pipeline")];
        let analysis = Analysis::with(scenario, place, lines, &inputs);
        if place == Place::Module {
            // The module itself is a choice of the repository.
            analysis.ended(TaskResult::Succeeded);
            analysis
                .analyze
                .warns(&format!("sonar.modules in line 1 of {FILE} is ignored, because the input scopeFrom"));
            assert_eq!(analysis.given("web.sonar.exclusions"), None);
            continue;
        }
        analysis.ended(TaskResult::Succeeded);
        analysis.analyze.warns("the input scopeFrom of SonarPrepare is pipeline");
        assert_eq!(analysis.given("sonar.exclusions"), None, "{place:?}");
        assert_eq!(analysis.given("sonar.issue.ignore.multicriteria"), None, "{place:?}");
        assert_eq!(analysis.given("sonar.projectName").as_deref(), Some("Shop"), "{place:?}");
        assert!(
            analysis.scenario.record(0, "analyzed.json")["extent"]["narrowed"]
                .as_array()
                .is_none_or(Vec::is_empty)
        );
    }
}

#[test]
fn exclusions_of_the_repository_are_in_the_summary() {
    let mut scenario = Scenario::new();
    for file in ["a.py", "b.py", "src/c.py"] {
        scenario.job.write(file, "x = 1\n");
    }
    scenario.job.write(
        FILE,
        "# ours\nsonar.exclusions=**/*\nsonar.issue.ignore.multicriteria=e1\nsonar.projectName=x\n",
    );
    scenario.analysed("1");
    scenario.sonarqube.processed("1", "shop", crate::fake_sonarqube::gate("OK"));
    scenario.publish(&[]);
    let text = super::publish::summary(&scenario);
    let start = text.find("**Repository settings").unwrap();
    insta::assert_snapshot!(text[start..].lines().take(4).collect::<Vec<_>>().join("\n"), @r"
    **Repository settings that change what is judged**

    - sonar.exclusions=\*\*/\* · sonar-project.properties, line 2 · leaves out 4 files
    - sonar.issue.ignore.multicriteria=e1 · sonar-project.properties, line 3
    ");
}

#[test]
fn placeholders_in_settings_files_are_replaced_as_by_the_cli() {
    let mut scenario = Scenario::new();
    scenario.job.set("Build.BuildNumber", "20261130.4");
    scenario.job.set("MY_FOLDER", "gen");
    let lines = "sonar.projectVersion=${env.BUILD_BUILDNUMBER}\nsonar.exclusions=**/${env.MY_FOLDER}/**\n\
                 sonar.links.ci=${sonar.projectKey}-${sonar.projectVersion}${unknown}\nsonar.projectName= The shop \t\n\
                 sonar.links.homepage=${env.my_folder}$${x} ${ y }";
    let analysis = Analysis::with(scenario, Place::Named, lines, &[]);
    analysis.ended(TaskResult::Succeeded);
    for (key, value) in [
        ("sonar.projectVersion", "20261130.4"),
        ("sonar.exclusions", "**/gen/**"),
        ("sonar.links.ci", "shop-20261130.4"),
        ("sonar.projectName", "The shop"),
        ("sonar.links.homepage", "$ ${ y }"),
    ] {
        assert_eq!(analysis.given(key).as_deref(), Some(value), "{key}");
    }
}

#[test]
fn a_project_key_may_hold_placeholders_and_surrounding_blanks() {
    let mut scenario = Scenario::new();
    scenario.job.set("MY_KEY", "shop");
    scenario.job.write(FILE, "sonar.projectKey=${env.MY_KEY}  \n");
    scenario.prepare_as(&[("scannerMode", "cli"), ("configMode", "file")]).succeeded();
    assert_eq!(scenario.record(0, "prepared.json")["projectKey"], "shop");
}

#[test]
fn settings_file_cannot_read_secrets_of_the_job() {
    let mut scenario = Scenario::new();
    scenario.job.set_secret("My.Password", "hush-hush-hush");
    scenario.job.set("MAPPED", "hush-hush-hush");
    let lines = "sonar.projectDescription=a${env.SECRET_MY_PASSWORD}b${env.MAPPED}c${sonar.token}d${env.SONAR_TOKEN}e\n\
                 sonar.links.ci=${en${none}v.MAPPED}${sona${none}r.token}";
    let analysis = Analysis::with(scenario, Place::Below, lines, &[]);
    analysis.ended(TaskResult::Succeeded);
    assert_eq!(analysis.given("sonar.projectDescription").as_deref(), Some("abcde"));
    assert_eq!(analysis.given("sonar.links.ci").as_deref(), Some("${env.MAPPED}${sonar.token}"));
    let all = analysis.scenario.noted("stdin");
    assert!(!all.contains("hush") && all.matches(TOKEN).count() == 1, "{all}");
}

#[test]
fn a_circular_placeholder_is_an_error() {
    let mut scenario = Scenario::new();
    scenario.job.write(FILE, "a=${b}\nb=x${a}\n");
    insta::assert_snapshot!(scenario.prepare(&[]).sole_error(), @"a refers to itself: b -> a -> b (line 1 of sonar-project.properties). Replace ${name} by the value in one of them.");
}

#[test]
fn a_settings_file_in_another_encoding_is_read_or_refused() {
    let with = |bytes: &[u8]| {
        let mut scenario = Scenario::new();
        std::fs::write(scenario.job.sources().join(FILE), bytes).unwrap();
        let engine = scenario.engine("");
        let step = scenario.prepare(&[("extraProperties", &engine)]);
        (scenario, step)
    };
    let (mut scenario, step) = with(b"sonar.projectDescription=Caf\xe9\n");
    step.succeeded();
    scenario.analyze().succeeded();
    let given = ("sonar.projectDescription".to_owned(), "Caf\u{e9}".to_owned());
    assert!(scenario.engine_properties().contains(&given));
    let (_, step) = with(b"# x\nsonar.projectDescription=\x82\xa0\nsonar.sourceEncoding=Shift_JIS\n");
    assert!(step.sole_error().contains("is not UTF-8 (line 2), and its encoding Shift_JIS is not supported"));
}

/// The CLI reads the settings files of modules itself, and replaces `${name}` in all it is given.
#[test]
fn the_cli_gets_the_same_properties_as_the_engine() {
    let sonarqube = SonarQube::start();
    sonarqube.change(|model| model.version = "9.9.8.100196".into());
    let mut scenario = Scenario::with(sonarqube);
    scenario.job.set("Agent.ToolsDirectory", scenario.job.path("tools").to_str().unwrap());
    let zip = scenario.job.path("cli.zip");
    let sha256 = archive(&zip, "x/lib/sonar-scanner-cli-4.7.0.2747.jar", b"");
    scenario.job.write(
        FILE,
        "sonar.modules=web\nsonar.userHome=evil\nsonar.projectDescription=${env.NONE}${none}x\n",
    );
    scenario.job.write(
        "web/sonar-project.properties",
        "sonar.working.directory=/tmp/evil\nsonar.projectDate=2001-01-01\n",
    );
    let extra = format!("{}\nsonar.links.ci=${{sonar.token}}", java(&scenario, &report(&scenario)));
    let inputs = [
        ("extraProperties", extra.as_str()),
        ("scannerDownloadUrl", zip.to_str().unwrap()),
        ("cliScannerSha256", &sha256),
    ];
    scenario.prepare(&inputs).succeeded();
    scenario
        .analyze()
        .ended(TaskResult::Succeeded)
        .warns("sonar.userHome in line 2 of sonar-project.properties");
    let environment = scenario.noted("environment");
    let parameters =
        environment.lines().find_map(|line| line.strip_prefix("SONARQUBE_SCANNER_PARAMS=")).unwrap();
    let parameters: serde_json::Value = serde_json::from_str(parameters).unwrap();
    assert_eq!(parameters["sonar.projectDescription"], "x");
    assert_eq!(parameters["sonar.links.ci"], "${sonar.azdo.dollar}{sonar.token}");
    assert_eq!(parameters["sonar.azdo.dollar"], "$");
    assert_eq!(parameters["web.sonar.projectDate"], "");
    let work = parameters["sonar.working.directory"].clone();
    assert_eq!(parameters["web.sonar.working.directory"], work);
    assert!(parameters["sonar.userHome"].is_null());
}

#[test]
fn a_job_variable_does_not_choose_the_branch() {
    let mut scenario = Scenario::with(SonarQube::with_branches());
    scenario.job.set("SONAR_SCANNER_JSON_PARAMS", r#"{"sonar.branch.name":"evil","sonar.links.ci":"x"}"#);
    let analysis = Analysis::with(scenario, Place::Below, "", &[]);
    analysis.ended(TaskResult::Succeeded);
    analysis.analyze.warns("sonar.branch.name in a variable of the job is ignored");
    assert_eq!(analysis.given("sonar.branch.name"), None);
    assert_eq!(analysis.given("sonar.links.ci").as_deref(), Some("x"));
}

#[test]
fn links_that_lead_out_of_the_sources_are_not_uploaded() {
    let scenario = Scenario::with(SonarQube::with_branches());
    let outside = scenario.job.path("outside");
    std::fs::create_dir_all(&outside).unwrap();
    std::fs::write(outside.join("secret.json"), "{}").unwrap();
    for file in ["src/a.py", "web/b.py", "in/c.py"] {
        scenario.job.write(file, "x = 1\n");
    }
    let link = |to: &std::path::Path, name: &str| symlink(to, scenario.job.sources().join(name)).unwrap();
    link(&outside, "src/out");
    link(&outside.join("secret.json"), "web/secret.json");
    link(std::path::Path::new("../in"), "src/near");
    link(&outside, "in/far");
    link(std::path::Path::new("."), "round");
    link(std::path::Path::new("nowhere"), "dead");
    scenario.job.write("web/sonar-project.properties", "sonar.exclusions=gen/**\n");
    let inputs = [("scopeFrom", "repository")];
    let analysis = Analysis::with(scenario, Place::Below, "sonar.modules=web", &inputs);
    analysis.ended(TaskResult::Succeeded);
    analysis.analyze.says("Not analysed, because these links lead out of the sources: ");
    let given = analysis.given("sonar.exclusions").unwrap();
    for pattern in ["src/out/**", "src/near/far/**", "in/far/**", "web/secret.json", "round/src/out/**"] {
        assert!(given.split(',').any(|given| given == pattern), "{pattern}: {given}");
    }
    assert_eq!(analysis.given("sonar.test.exclusions"), Some(given));
    assert_eq!(analysis.given("web.sonar.exclusions").as_deref(), Some("gen/**,secret.json"));

    let scenario = Scenario::new();
    symlink("/tmp", scenario.job.sources().join("**")).unwrap();
    let analysis = Analysis::with(scenario, Place::Below, "", &[]);
    assert!(analysis.analyze.sole_error().contains("/** is a link that leads out of the sources"));

    let mut scenario = Scenario::new();
    symlink("/tmp", scenario.job.sources().join("service")).unwrap();
    let step = scenario.prepare(&[("projectBaseDir", "service")]);
    assert!(step.sole_error().contains("service is a link that leads out of the sources"));
    // The pipeline may well have another directory analysed.
    let other = scenario.job.path("elsewhere");
    std::fs::create_dir_all(&other).unwrap();
    scenario.prepare(&[("projectBaseDir", other.to_str().unwrap())]).succeeded();
}
