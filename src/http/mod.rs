//! HTTP as every edge uses it: TLS, proxy, timeouts, credentials bound to one origin, retries and
//! verified downloads. Knows nothing of SonarQube, Azure DevOps or the agent.

mod blocking;
mod body;
mod client;
mod credentials;
mod download;
mod error;
mod response;
mod retry;
mod route;
mod tls;

pub use blocking::blocking;
pub use body::Body;
pub use client::{Client, NetworkSettings, Proxy, ProxyScope, Request};
pub use credentials::{Authentication, Credentials};
pub(crate) use download::hex;
pub use download::{Checksum, Download, Reader};
pub(crate) use error::printable;
pub use error::{Error, ErrorKind};
pub use reqwest::{Method, StatusCode};
pub use response::{Piece, Response};
pub use retry::RetryPolicy;
