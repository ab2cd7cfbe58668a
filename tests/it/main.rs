//! Tests of the programs from outside: whole steps over loopback HTTP and against real servers. And tests of the order of the
//! house.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a test ends by a panic, starts the executable, and reads where the real servers are"
)]

mod depot;
mod dotnet_sdk;
mod fake_agent;
mod fake_azure_devops;
mod fake_sonarqube;
mod fuzzed;
mod git_host;
mod nuget_feed;
mod relay;
mod rounds;
mod squid;
mod test_data;

mod command_line;
mod contract;
mod errors;
mod examples;
mod real_sonarqube;
mod scenario;
mod steps;
mod tidy;
mod tls;
