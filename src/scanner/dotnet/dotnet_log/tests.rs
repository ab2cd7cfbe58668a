use super::*;

const FAILED: Exit = Exit { code: Some(1), signal: None };
const SUCCEEDED: Exit = Exit { code: Some(0), signal: None };

/// What is told of these lines (`!` before those of standard error), and the result.
fn run_in(folder: Option<&Path>, lines: &str, exit: Exit) -> (Vec<String>, Outcome) {
    let mut told = Vec::new();
    let mut emit = |level: Level, text: &str| told.push(format!("{level} {text}"));
    let mut log = DotnetLog::new(LogContext {
        server: "https://sonar.corp",
        product: "SonarQube Server 10.7",
        work_folder: folder,
        packages: Some("/srv/packages/"),
    });
    for line in lines.lines() {
        match line.strip_prefix('!') {
            Some(line) => log.line(Stream::Stderr, line, &mut emit),
            None => log.line(Stream::Stdout, line, &mut emit),
        }
    }
    let result = log.result(exit, &mut emit);
    (told, result)
}

fn run(lines: &str, exit: Exit) -> (Vec<String>, Outcome) {
    run_in(None, lines, exit)
}

/// The message of a failure, and that nothing yellow or red was told beside it.
fn message(lines: &str, exit: Exit) -> String {
    let (told, result) = run(lines, exit);
    assert!(told.iter().all(|line| line.starts_with("DEBUG ") || line.starts_with("INFO ")), "{told:?}");
    match result {
        Outcome::Failed { message } => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_green_run_has_no_warning() {
    let (told, result) = run(
        "SonarScanner for .NET 11.3\n\
         12:34:56.789  Updating build integration targets...\n\
         12:34:56.789  WARNING: You're using an unsupported version of SonarQube. The next major version release of \
         SonarScanner for .NET will not work with this version. Please upgrade to a newer SonarQube version.\n\
         12:34:56.789  WARNING: You're using an unsupported version of SonarQube. Again.\n\
         12:34:56.789  WARNING: File '/home/me/.nuget/packages/microsoft.net.test.sdk/18.0.1/build/x.cs' is not located \
         under the base directory '/src' and will not be analyzed.\n\
         12:34:56.789  WARNING: File 'C:\\Users\\me\\.nuget\\packages\\x.cs' is not located under the base directory 'C:\\src'.\n\
         12:34:56.789  WARNING: File '/srv/packages/x.cs' is not located under the base directory '/src' and so on.\n\
         12:34:56.789  INFO: Starting SonarScanner Engine...\n\
         12:34:56.789  INFO: ERROR: is a word\n\
         12:34:56.789  WARNING: WARN: Analyzing only language associated files, make sure to run the analysis inside a git \
         repository to make use of it\n\
         12:34:56.789  INFO: SonarScanner Engine completed successfully\n\
         !WARNING: A terminally deprecated method of Java has been called\n\
         12:34:56.789  Post-processing succeeded.",
        SUCCEEDED,
    );
    assert_eq!(result, Outcome::Succeeded);
    let (debug, told): (Vec<_>, Vec<_>) = told.into_iter().partition(|line| line.starts_with("DEBUG "));
    assert_eq!(
        told,
        [
            "INFO SonarScanner for .NET 11.3",
            "INFO Updating build integration targets...",
            "INFO This version of the SonarScanner for .NET is the last one that works with SonarQube Server 10.7: version 12 \
             and newer need SonarQube Server 2025.1 or Community Build 25.1",
            "INFO Starting SonarScanner Engine...",
            "INFO ERROR: is a word",
            "INFO Analyzing only language associated files, make sure to run the analysis inside a git repository to make use \
             of it",
            "INFO SonarScanner Engine completed successfully",
            "INFO Post-processing succeeded.",
        ]
    );
    assert_eq!(debug.len(), 4, "{debug:?}");
}

#[test]
fn warnings_lose_the_prefixes_of_the_scanner() {
    let (told, _) = run(
        "12:34:56.789  WARNING: WARN: Missing blame information\n12:34:56.789  WARNING: of the scanner\n\
         12:34:56.789  WARN: of the engine\n\
         12:34:56.789  WARNING: File '/elsewhere/x.cs' is not located under the base directory '/src'",
        SUCCEEDED,
    );
    assert_eq!(
        told,
        [
            "WARN Missing blame information",
            "WARN of the scanner",
            "WARN of the engine",
            "WARN File '/elsewhere/x.cs' is not located under the base directory '/src'",
        ]
    );
}

#[test]
fn the_success_of_the_engine_is_noticed() {
    let mut log = DotnetLog::new(LogContext::default());
    let mut line = |text: &str| {
        log.line(Stream::Stdout, text, &mut |_, _| {});
        (log.is_engine_silent(), log.has_completed())
    };
    assert_eq!(line("12:34:56.789  Using Java found in Analysis Config: /java"), (false, false));
    let options = "12:34:56.789  Using the supplied value for SONAR_SCANNER_OPTS. Value: -Xmx1g";
    assert_eq!(line(options), (true, false));
    assert_eq!(line("12:34:56.789  INFO: Starting SonarScanner Engine..."), (false, false));
    assert_eq!(line("12:34:56.789  INFO: SonarScanner Engine completed successfully"), (false, true));
}

#[test]
fn an_unreachable_server_is_named() {
    let begin = message(
        "!12:34:56.789  Unable to connect to server. Please check if the server is running and if the address is correct. \
         Url: 'http://x/api'.\n\
         !Unhandled exception. System.Net.Http.HttpRequestException: Connection refused (127.0.0.1:9)\n\
         ! ---> System.Net.Sockets.SocketException (111): Connection refused\n!   at System.Net.X()\n\
         !   --- End of inner exception stack trace ---\n!   at SonarScanner.Y()",
        Exit { code: Some(134), signal: None },
    );
    insta::assert_snapshot!(begin, @"the SonarScanner for .NET could not reach https://sonar.corp (System.Net.Sockets.SocketException (111): Connection refused). Check the server, the proxy and the certificates, and run the job again.");
    let end = message(
        "12:34:56.789  INFO: Starting SonarScanner Engine...\n\
         !12:34:56.789  ERROR: Error during SonarScanner Engine execution\n\
         !org.springframework.X: Error creating bean with name 'Y'\n!\tat a.b(C.java:1)\n\
         !Caused by: java.lang.IllegalStateException: Fail to request url: http://x\n!\tat d.e(F.java:2)\n\
         !Caused by: java.net.ConnectException: Failed to connect to /127.0.0.1:9\n!\tat g.h(I.java:3)\n!\n\
         !12:34:56.789  The scanner engine did not complete successfully\n!12:34:56.789  Post-processing failed. Exit code: 1",
        FAILED,
    );
    insta::assert_snapshot!(end, @"the SonarScanner for .NET could not reach https://sonar.corp (java.net.ConnectException: Failed to connect to /127.0.0.1:9). Check the server, the proxy and the certificates, and run the job again.");
}

#[test]
fn an_answer_that_is_not_from_sonarqube_is_explained() {
    let begin = message(
        "!12:34:56.789  An error occured while querying the server version! Please check if the server is running and if the \
         address is correct.\n!12:34:56.789  Pre-processing failed. Exit code: 1",
        FAILED,
    );
    insta::assert_snapshot!(begin, @"https://sonar.corp did not answer the SonarScanner for .NET as SonarQube does (An error occured while querying the server version! Please check if the server is running and if the address is correct). A proxy or a sign-in page between the agent and the server may have answered. Check that, and run the job again.");
    let unhandled = message(
        "!Unhandled exception. Newtonsoft.Json.JsonReaderException: Unexpected character encountered while parsing value: <.\n\
         !   at Newtonsoft.X()",
        Exit { code: Some(134), signal: None },
    );
    assert!(unhandled.starts_with("https://sonar.corp did not answer"), "{unhandled}");
    let end = message(
        "!12:34:56.789  ERROR: Error during SonarScanner Engine execution\n!java.lang.X: outer\n!\tat a.b(C.java:1)\n\
         !Caused by: com.google.protobuf.InvalidProtocolBufferException: Protocol message end-group tag did not match\n\
         !\tat c.d(E.java:1)",
        FAILED,
    );
    assert!(end.starts_with("https://sonar.corp did not answer"), "{end}");
}

#[test]
fn the_configuration_of_another_build_is_explained() {
    let text = message(
        "!12:34:56.789  Inconsistent build environment settings: the build Uri in the analysis config file does not match the \
         build uri from the environment variable.\n!Build Uri from environment: vstfs:///Build/Build/2\n\
         !12:34:56.789  Post-processing failed. Exit code: 1",
        FAILED,
    );
    insta::assert_snapshot!(text, @"the scanner's configuration belongs to another build. Run SonarPrepare and SonarAnalyze in one job, and do not let another build use the same Agent.BuildDirectory meanwhile.");
}

const NOTHING: &str = "!12:34:56.789  The SonarScanner for .NET integration failed: SonarQube was unable to collect the \
                       required information about your projects.\n!Possible causes:\n\
                       !  1. The project has not been built - the project must be built in between the begin and end steps.\n\
                       12:34:56.789  Generation of the sonar-properties file failed. Unable to complete the analysis.\n\
                       !12:34:56.789  Post-processing failed. Exit code: 1";

#[test]
fn a_missing_build_is_explained() {
    insta::assert_snapshot!(message(NOTHING, FAILED), @"nothing was built between SonarPrepare and SonarAnalyze. Build the solution there, for example with `dotnet build`.");
    let folder = tempfile::tempdir().unwrap();
    let of_project = folder.path().join("out/0");
    std::fs::create_dir_all(&of_project).unwrap();
    std::fs::write(of_project.join("ProjectInfo.xml"), "").unwrap();
    let (_, result) = run_in(Some(folder.path()), NOTHING, FAILED);
    let Outcome::Failed { message } = result else { panic!("{result:?}") };
    assert!(message.contains("had no project that can be analysed"), "{message}");
}

#[test]
fn a_missing_work_folder_is_explained() {
    let (_, result) = run_in(
        Some(Path::new("/agent/1/.sonarqube")),
        "!12:34:56.789  Temporary analysis directory (usually .sonarqube) doesn't exist. The \"begin\" step was probably not \
         executed.\n!12:34:56.789  Post-processing failed. Exit code: 1",
        FAILED,
    );
    let Outcome::Failed { message } = result else { panic!("{result:?}") };
    insta::assert_snapshot!(message, @"the folder /agent/1/.sonarqube, which SonarPrepare created, does not exist any more. Do not check out or clean between SonarPrepare and SonarAnalyze.");
}

#[test]
fn a_missing_java_or_dotnet_is_explained() {
    let java = message(
        "!12:34:56.789  The argument 'sonar.scanner.javaExePath' contains an invalid path. Please make sure the path is correctly \
         pointing to the java executable.\n\
         !12:34:56.789  Expecting at least the following command line argument:\n!- SonarQube/SonarCloud project key\n\
         !Use '/?' or '/h' to see the help message.\n!12:34:56.789  Pre-processing failed. Exit code: 1",
        FAILED,
    );
    assert!(
        java.starts_with("the SonarScanner for .NET found no Java that it can start (The argument"),
        "{java}"
    );
    let dotnet = message(
        "!You must install or update .NET to run this application.\n!\n!App: /t/dotnet-sonarscanner\n\
         !Framework: 'Microsoft.NETCore.App', version '3.0.0' (x64)\n!.NET location: /opt/dn",
        Exit { code: Some(150), signal: None },
    );
    insta::assert_snapshot!(dotnet, @"this agent lacks the version of .NET that this SonarScanner for .NET needs ('Microsoft.NETCore.App', version '3.0.0' (x64)). Install that runtime before SonarPrepare, for example with the task UseDotNet@2, or use a newer version of the scanner.");
}

#[test]
fn other_errors_are_reported_as_they_are() {
    let (told, result) = run(
        "!12:34:56.789  First error\n!12:34:56.789  Invalid project key.\n!It goes on\n!12:34:56.789  Pre-processing failed. Exit \
         code: 1",
        FAILED,
    );
    assert_eq!(result, Outcome::Failed { message: "Invalid project key.\nIt goes on".to_owned() });
    assert_eq!(
        told.iter().filter(|line| line.starts_with("ERROR ")).collect::<Vec<_>>(),
        ["ERROR First error"]
    );
    let odd = message(
        "!Unhandled exception. System.NullReferenceException: Object reference not set to an instance of an object.\n!   at X()",
        Exit { code: Some(134), signal: None },
    );
    insta::assert_snapshot!(odd, @"the SonarScanner for .NET ended with an unexpected error: System.NullReferenceException: Object reference not set to an instance of an object.");
    let (_, result) = run(
        "!12:34:56.789  ERROR: QUALITY GATE STATUS: FAILED - View details on http://x\n\
         !12:34:56.789  The scanner engine did not complete successfully\n!12:34:56.789  Post-processing failed. Exit code: 1",
        FAILED,
    );
    assert!(matches!(result, Outcome::GateFailed { .. }), "{result:?}");
}
