//! How the agent says stop: SIGINT, later SIGTERM, console events on Windows, or a closed stdout.
//!
//! The agent sends SIGINT to the direct child only, SIGTERM 7.5 seconds later and kills the tree
//! 2.5 seconds after that; the launcher relays both.

use super::console::Console;
use std::time::Duration;

const STDOUT_CHECK: Duration = Duration::from_secs(1);

/// Listens for as long as the runtime lives; the first signal cancels what `console` cancels.
pub(crate) async fn listen(console: Console) {
    tokio::select! {
        () = interrupted() => {}
        () = stdout_closed() => {}
    }
    console.cancel();
}

/// Returns when this process is told to end: Ctrl-C, SIGTERM, or the console's window is closed.
#[cfg(unix)]
pub(crate) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        // Without handlers the signals end the process, as is their default.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Returns when this process is told to end: Ctrl-C, Ctrl-Break, or the console's window is closed.
#[cfg(windows)]
pub(crate) async fn interrupted() {
    use tokio::signal::windows;
    let (Ok(mut c), Ok(mut brk), Ok(mut close)) =
        (windows::ctrl_c(), windows::ctrl_break(), windows::ctrl_close())
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = c.recv() => {}
        _ = brk.recv() => {}
        _ = close.recv() => {}
    }
}

/// Returns when the other end of stdout is gone, which a step that writes nothing would not notice.
#[cfg(unix)]
async fn stdout_closed() {
    use rustix::event::{PollFd, PollFlags, poll};
    loop {
        tokio::time::sleep(STDOUT_CHECK).await;
        let stdout = std::io::stdout();
        let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
        let polled = poll(&mut fds, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 }));
        if polled.is_ok() && fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) {
            return;
        }
    }
}

#[cfg(not(unix))]
async fn stdout_closed() {
    // Windows tells by a failed write only, which the console turns into a cancellation.
    let _ = STDOUT_CHECK;
    std::future::pending::<()>().await;
}
