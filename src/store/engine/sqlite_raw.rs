//! Below the drivers: what SQLite's library tells and rusqlite does not ask, and the socket that sqlx has to a server, which
//! is told not to wait before it sends.
//!
//! This is the only file with `unsafe` in it.
#![allow(unsafe_code)]

use std::mem::ManuallyDrop;
use std::net::TcpStream;
use std::os::fd::{FromRawFd, RawFd};

use rusqlite::{Connection, ffi};

/// Whether all references lead somewhere, also those that are asked only at the end of the transaction.
pub fn references_hold(conn: &Connection) -> bool {
    let (mut waiting, mut most) = (0, 0);
    // SAFETY: the handle is open while the connection lives, and the two numbers outlive the call.
    let failed = unsafe {
        let handle = conn.handle();
        ffi::sqlite3_db_status(handle, ffi::SQLITE_DBSTATUS_DEFERRED_FKS, &raw mut waiting, &raw mut most, 0)
    };
    failed == 0 && waiting == 0
}

/// Sets TCP_NODELAY on this process's connections to a port of other machines; whether there is one. Without it, what is
/// sent behind something small waits until the server's kernel confirms that, which takes it up to 40 ms: the end of each
/// COPY. libpq always sets it; sqlx 0.9.0 stopped to (its pull request 4336 brings it back: then this can go).
pub fn set_nodelay(port: u16) -> bool {
    let Ok(own) = std::fs::read_dir("/dev/fd") else { return true };
    let numbers: Vec<RawFd> = own.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok()).collect();
    let set = numbers.into_iter().filter(|fd| {
        // SAFETY: the descriptor is asked and set, and never closed, for what would close it is never dropped. One that
        // was closed since it was listed, or is no TCP socket, answers with an error; one that was opened since by
        // another thread is asked first where it leads.
        let stream = ManuallyDrop::new(unsafe { TcpStream::from_raw_fd(*fd) });
        stream.peer_addr().is_ok_and(|peer| peer.port() == port) && stream.set_nodelay(true).is_ok()
    });
    set.count() > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_told_by_its_port() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        assert!(!set_nodelay(port));
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        assert!(!stream.nodelay().expect("an answer"));
        assert!(set_nodelay(port));
        assert!(stream.nodelay().expect("an answer"));
    }
}
