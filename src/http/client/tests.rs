use super::*;
use crate::cancel::CancelSource;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

/// Sends `head` to whoever connects, then the block `piece` so many times, and keeps the connection open.
fn serve(head: &'static str, piece: Vec<u8>, times: usize) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap()).parse().unwrap();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            let _ = stream.write_all(head.as_bytes());
            // Who has enough closes the connection.
            let _ = (0..times).try_for_each(|_| stream.write_all(&piece));
            open.push(stream);
        }
    });
    url
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";

#[tokio::test]
async fn a_body_of_more_than_16_mebibytes_is_an_error() {
    let url = serve(HEAD, vec![b' '; 1 << 20], 64);
    let response = Client::new(NetworkSettings::default()).send(Request::get(url)).await.unwrap();
    let error = response.bytes().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge);
    assert!(
        !error.is_transient() && error.to_string().ends_with("is too large: more than 16 MiB"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_sends_too_slowly_runs_into_the_timeout() {
    let url = serve(HEAD, b" ".to_vec(), 1);
    let request = Request::get(url).timeout(Duration::from_millis(300));
    let response = Client::new(NetworkSettings::default()).send(request).await.unwrap();
    assert_eq!(response.bytes().await.unwrap_err().kind, ErrorKind::Timeout);
}

#[tokio::test]
async fn a_cancellation_ends_a_request_wherever_it_is() {
    // Before the head, in the body, and between two attempts.
    let busy = "HTTP/1.1 503 Busy\r\nRetry-After: 20\r\nContent-Length: 0\r\n\r\n";
    for head in ["", HEAD, busy] {
        let (source, cancellation) = CancelSource::new();
        let client = Client::new(NetworkSettings::default()).until(cancellation);
        let pieces = usize::from(head == HEAD);
        let request = Request::get(serve(head, b" ".to_vec(), pieces));
        let asking = async { client.send(request).await?.bytes().await };
        let cancelling = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            source.cancel();
            std::future::pending::<()>().await;
        };
        let error = tokio::select! {
            result = asking => result.unwrap_err(),
            () = cancelling => unreachable!(),
        };
        assert_eq!(error.kind, ErrorKind::Cancelled, "{head:?}");
    }
}
