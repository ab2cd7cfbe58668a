//! HTTP as every edge uses it: TLS, proxy, timeouts, credentials bound to one origin, retries and
//! verified downloads. Knows nothing of SonarQube, Azure DevOps or the agent.

mod blocking;
mod body;
mod checksum;
mod client;
mod credentials;
mod download;
mod error;
mod network_settings;
mod proxy;
mod request;
mod response;
mod retry;
mod tls;

pub use blocking::blocking;
pub use body::{Body, Reader};
pub use checksum::Checksum;
pub(crate) use checksum::hex;
pub use client::Client;
pub use credentials::{Authentication, Credentials};
pub use download::Download;
pub(crate) use error::printable;
pub use error::{Error, ErrorKind};
pub use network_settings::{CaFileError, NetworkSettings};
pub use proxy::{Proxy, ProxyScope};
pub use request::Request;
pub use reqwest::{Method, StatusCode};
pub use response::Response;
pub use retry::{LONGEST_WAIT, Retry, SHORTEST_PAUSE};
