//! Mode `other`: the build runs the scanner, here the real plugin for Maven.

use super::Journey;
use super::server::{Server, TokenKind};
use crate::fake_agent::Task;
use serde_json::Value;

const PLUGIN: &str = "org.sonarsource.scanner.maven:sonar-maven-plugin:5.8.0.7211:sonar";

const POM: &str = r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>com.contoso</groupId>
  <artifactId>shop</artifactId>
  <version>1.0</version>
  <properties>
    <maven.compiler.source>17</maven.compiler.source>
    <maven.compiler.target>17</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
</project>
"#;

const SOURCE: &str = "package com.contoso;

public final class Price {
  private Price() {}

  public static long net(long gross) {
    return gross * 100 / 119;
  }
}
";

pub(super) fn a_maven_build_is_judged(server: &Server) {
    let mut project = server.project("shop");
    project.require(&[("ncloc", "GT", "1"), ("bugs", "GT", "0")]);
    let token = project.token(TokenKind::Project);
    let mut journey = Journey::new(server, &token);
    // In this mode scanners read it in a plain variable.
    journey.job.allow_leaks();
    journey.job.write("pom.xml", POM);
    journey.job.write("src/main/java/com/contoso/Price.java", SOURCE);
    let extra = format!("sonar.projectKey={}", project.key);
    let prepare = journey.prepare(&[("scannerMode", "other"), ("extraProperties", &extra)]);
    prepare.succeeded();

    let mut maven = journey.job.script("mvn");
    let output = maven.args(["--batch-mode", "--no-transfer-progress", "--quiet", "verify", PLUGIN]).output();
    let output = output.unwrap_or_else(|error| {
        panic!("mvn: {error}; run scripts/test, which installs Maven and a JDK, or do so by other means")
    });
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "mvn verify: {}", String::from_utf8_lossy(&said));

    journey.job.run(Task::Analyze, &[]).succeeded().says("the build itself runs the scanner");
    let (publish, _) = journey.publish_failed(&project, &prepare, "SonarQube – shop – failed");

    let (parameters, _) = journey.job.variable("SONARQUBE_SCANNER_PARAMS").unwrap();
    let parameters: Value = serde_json::from_str(&parameters).unwrap();
    assert_eq!(parameters["sonar.projectKey"], project.key.as_str());
    assert_eq!(parameters.get("sonar.token"), None, "nobody needs it any more");
    assert!(publish.leaks.is_empty(), "{:?}", publish.leaks);
}
