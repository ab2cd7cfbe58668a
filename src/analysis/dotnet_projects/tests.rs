use super::*;

const XML: &str = include_str!("../../../tests/data/dotnet-out/good/out/0/ProjectInfo.xml");

fn project(name: &str) -> ProjectInfo {
    ProjectInfo {
        name: name.into(),
        language: Language::CSharp,
        is_test: false,
        is_excluded: false,
        path: format!("/s/{name}/{name}.csproj"),
        guid: name.into(),
        settings: "Debug|AnyCPU".into(),
        framework: "net10.0".into(),
        list: None,
    }
}

fn built(project: ProjectInfo) -> BuiltProject {
    BuiltProject { project, compiles: true, has_output: true, not_loaded: None }
}

#[test]
fn a_project_as_the_scanner_notes_it() {
    let found = ProjectInfo::parse(XML).unwrap();
    assert_eq!(found.name, "Shop");
    assert_eq!(found.language, Language::CSharp);
    assert_eq!((found.is_test, found.is_excluded), (false, false));
    assert_eq!(found.path, "/agent/1/s/Shop/Shop.csproj");
    assert_eq!((found.settings.as_str(), found.framework.as_str()), ("Debug|AnyCPU", "net10.0"));
    assert_eq!(found.list.as_deref(), Some("/agent/1/.sonarqube/conf/0/FilesToAnalyze.txt"));
    let other = XML
        .replace("/Shop.csproj", "/R&amp;D &#x41;.csproj")
        .replace(">C#<", ">F#<")
        .replace(">Product<", ">Test<")
        .replace(">false<", ">true<");
    let found = ProjectInfo::parse(&format!("\u{feff}{other}")).unwrap();
    assert_eq!(found.path, "/agent/1/s/Shop/R&D A.csproj");
    assert_eq!((found.language, found.is_test, found.is_excluded), (Language::Other, true, true));
    for text in ["", "no XML", "<ProjectInfo></ProjectInfo>", "<a><b></a>"] {
        assert_eq!(ProjectInfo::parse(text), None, "{text}");
    }
}

#[test]
fn what_the_compiler_takes() {
    for (list, expected) in
        [("/s/a.cs\r\n/s/b.js", true), ("/s/A.CS", true), ("/s/a.vb\n/s/a.cshtml", false), ("", false)]
    {
        assert_eq!(project("a").compiles(list), expected, "{list}");
    }
}

#[test]
fn an_analyzer_that_was_not_loaded() {
    let issues =
        |message: &str| format!(r#"{{"runs":[{{"results":[{{"ruleId":"CS8034","message":{message}}}]}}]}}"#);
    assert_eq!(not_loaded(&issues(r#""why\n  at X""#)).as_deref(), Some("why"));
    assert_eq!(not_loaded(&issues(r#"{"text":"why"}"#)).as_deref(), Some("why"));
    assert_eq!(not_loaded(&issues(r#""why""#).replace("CS8034", "CS0219")), None);
    assert_eq!(not_loaded("{"), None);
}

#[test]
fn a_main_project_without_output_is_a_failure() {
    let silent = |project| BuiltProject { has_output: false, ..built(project) };
    let fails = |builds: &[BuiltProject]| survey(builds, "").failure;
    let message = fails(&[silent(project("a")), built(project("b"))]).unwrap();
    assert!(message.starts_with("a (C#) was compiled without SonarSource's analyzer"), "{message}");
    let many: Vec<_> = (0..8).map(|number| silent(project(&format!("p{number}")))).collect();
    assert!(fails(&many).unwrap().contains("p4 (C#) and 3 more were compiled"));
    for fine in [
        vec![BuiltProject { compiles: false, ..silent(project("a")) }],
        vec![silent(ProjectInfo { is_test: true, ..project("a") }), built(project("b"))],
        vec![silent(ProjectInfo { is_excluded: true, ..project("a") }), built(project("b"))],
        vec![silent(ProjectInfo { language: Language::Other, ..project("a") })],
        // Its second build found that there was nothing to compile.
        vec![built(project("a")), silent(project("a"))],
    ] {
        assert_eq!(fails(&fine), None, "{fine:?}");
    }
}

#[test]
fn no_main_project_is_left() {
    let test = |name: &str| built(ProjectInfo { is_test: true, ..project(name) });
    let excluded = |name: &str| built(ProjectInfo { is_excluded: true, ..project(name) });
    let other = |name: &str| built(ProjectInfo { language: Language::Other, ..project(name) });
    for (builds, expected) in [
        (vec![test("a")], true),
        (vec![test("a"), excluded("b")], true),
        (vec![excluded("b")], true),
        (vec![test("a"), built(project("b"))], false),
        (vec![test("a"), other("b")], false),
        // Nothing that this analyzer could have a say in.
        (vec![built(ProjectInfo { is_test: true, language: Language::Other, ..project("a") })], false),
    ] {
        assert_eq!(survey(&builds, "").nothing.is_some(), expected, "{builds:?}");
    }
}

#[test]
fn what_the_scanner_left_out() {
    let log = "Product projects\n-----\n/s/a/a.csproj\n\nInvalid projects\n-----\n/s/b/b.csproj\n/s/c/c.csproj\n\n\
               Skipped projects\n-----\n/s/a/a.csproj\n/s/d/d.csproj\n\nExcluded projects\n-----\n{none}\n";
    let same = |name: &str| built(ProjectInfo { guid: "same".into(), ..project(name) });
    let builds = [built(project("a")), same("b"), built(project("c")), built(project("d")), same("e")];
    let survey = survey(&builds, log);
    assert_eq!(survey.line, "5 C# projects: 2 main, 2 invalid, 1 skipped");
    assert_eq!(
        survey.left_out,
        [
            "b (C#) was not analysed: another project has the same ProjectGuid.",
            "c (C#) was not analysed: its ProjectGuid is missing or not valid.",
            "d (C#) was not analysed: the scanner found no file of it below the base directory.",
        ]
    );
}

#[test]
fn a_build_for_one_framework_may_be_excluded() {
    let excluded = ProjectInfo { is_excluded: true, framework: "net8.0".into(), ..project("a") };
    let survey = survey(&[built(project("a")), built(excluded)], "");
    assert_eq!(survey.left_out, ["a (C#): its build for net8.0 is excluded by SonarQubeExclude."]);
    assert_eq!(survey.line, "1 C# project: 1 main");
}
