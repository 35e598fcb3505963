//! Below sqlx: rows in bulk go straight to the SQLite library that sqlx has open. Each row that sqlx hands over crosses
//! from its worker's thread to ours, which costs several times what the row itself does. And the socket that sqlx has to a
//! server is told not to wait before it sends.
//!
//! This is the only file with `unsafe` in it.
#![allow(unsafe_code)]

use std::mem::ManuallyDrop;
use std::net::TcpStream;
use std::ops::Deref;
use std::os::fd::{FromRawFd, RawFd};

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, ffi};
use sqlx::sqlite::LockedSqliteHandle;
use sqlx::{Connection as _, SqliteConnection};

use crate::model::values::fold::folded;

/// sqlx's connection, held still, as rusqlite sees it. While it lives, sqlx's worker does nothing on the connection.
pub struct RawSqlite<'a> {
    // Fields are dropped in this order: first the view, which does not close what it did not open, then the lock.
    connection: Connection,
    _locked: LockedSqliteHandle<'a>,
}

impl<'a> RawSqlite<'a> {
    /// Waits until sqlx's worker has finished what it does, and takes its place.
    pub async fn sqlx(conn: &'a mut SqliteConnection) -> Result<RawSqlite<'a>, sqlx::Error> {
        // Each time, sqlx queues a command by which the worker lets go of the lock and takes it again. A worker that is
        // slow between the two leaves the lock to us, again and again, until the queue (50 commands) is full: then we
        // wait for room in it with the lock in our hands, and the worker for the lock. So it is heard first that the
        // worker has taken the lock back.
        conn.ping().await?;
        let mut locked = conn.lock_handle().await?;
        let handle = locked.as_raw_handle();
        // SAFETY: rusqlite and sqlx are linked to one and the same library (`links = "sqlite3"` of libsqlite3-sys lets
        // Cargo build only one), so the pointer is what both take it for. It is open, and stays so: `_locked` borrows
        // the connection exclusively and outlives the view. `from_handle` makes a view that never closes the handle,
        // and settings of the connection are left as they are.
        let connection = unsafe { Connection::from_handle(handle.as_ptr().cast()) };
        let connection = connection.map_err(|e| sqlx::Error::Protocol(e.to_string()))?;
        Ok(RawSqlite { connection, _locked: locked })
    }
}

impl RawSqlite<'_> {
    /// Teaches the connection `orgctl_fold(text, without_marks)`: SQLite itself folds letters A to Z alone.
    pub fn register_functions(&self) -> Result<(), sqlx::Error> {
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        let made = self.connection.create_scalar_function("orgctl_fold", 2, flags, |args| {
            let text: Option<String> = args.get(0)?;
            let without_marks: bool = args.get(1)?;
            Ok(text.map(|text| folded(&text, without_marks)))
        });
        made.map_err(|e| sqlx::Error::Protocol(e.to_string()))
    }
}

impl RawSqlite<'_> {
    /// Whether all references lead somewhere, also those that are asked only at the end of the transaction.
    pub fn references_hold(&self) -> bool {
        let (mut waiting, mut most) = (0, 0);
        // SAFETY: the handle is open while the view lives, and the two numbers outlive the call.
        let failed = unsafe {
            let handle = self.connection.handle();
            ffi::sqlite3_db_status(handle, ffi::SQLITE_DBSTATUS_DEFERRED_FKS, &raw mut waiting, &raw mut most, 0)
        };
        failed == 0 && waiting == 0
    }
}

impl Deref for RawSqlite<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.connection
    }
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
    use std::time::Duration;

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

    /// Threads that get in each other's way, so that sqlx's worker is often slow to take its lock back.
    #[test]
    fn turns_are_taken_without_end() {
        let turns = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let mut conn = SqliteConnection::connect("sqlite::memory:").await.expect("a database");
                for _ in 0..4000 {
                    let turn = tokio::time::timeout(Duration::from_secs(60), RawSqlite::sqlx(&mut conn)).await;
                    drop(turn.expect("a turn within a minute").expect("a view"));
                }
            });
        };
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(turns)).collect();
            all.into_iter().for_each(|thread| thread.join().expect("no panic"));
        });
    }
}
