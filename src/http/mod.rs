//! HTTP as every edge uses it: TLS, proxy, timeouts, credentials bound to one origin, retries and
//! verified downloads. Knows nothing of SonarQube, Azure DevOps or the agent.

mod blocking;
mod body;
mod checksum;
mod client;
mod credentials;
mod download;
mod error;
mod host_name;
mod network_settings;
mod proxy;
mod request;
mod response;
mod retry;
mod tls;

pub(crate) use blocking::blocking;
pub(crate) use body::{Body, Reader};
pub(crate) use checksum::Checksum;
pub(crate) use checksum::hex;
pub use client::Client;
pub use credentials::Authentication;
pub(crate) use credentials::Credentials;
pub(crate) use download::Download;
pub(crate) use error::printable;
pub use error::{Error, ErrorKind};
pub(crate) use host_name::parse_url;
pub use network_settings::NetworkSettings;
pub use proxy::{Proxy, ProxyScope};
pub(crate) use request::Request;
pub(crate) use reqwest::Method;
pub(crate) use response::Response;
pub(crate) use retry::{LONGEST_WAIT, Retry, SHORTEST_PAUSE};
