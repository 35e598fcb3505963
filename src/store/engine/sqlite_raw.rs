//! Below sqlx: statements go straight to the SQLite library that sqlx has open, in the thread of the command. Through sqlx
//! each goes to a worker's thread and back, and each row that it hands over crosses once more. And the socket that sqlx has
//! to a server is told not to wait before it sends.
//!
//! This is the only file with `unsafe` in it.
#![expect(unsafe_code, reason = "the one place that goes below sqlx")]

use std::mem::ManuallyDrop;
use std::net::TcpStream;
use std::ops::{Deref, DerefMut};
use std::os::fd::{FromRawFd as _, RawFd};
use std::ptr::NonNull;
use std::sync::Once;

use rusqlite::{Connection, ffi};
use sqlx::sqlite::LockedSqliteHandle;
use sqlx::{Connection as _, SqliteConnection};

use crate::model::signals;

/// sqlx's connection, held still as long as it is open, as rusqlite sees it: sqlx opens, sets up and closes it, and its worker
/// does nothing on it in between.
pub struct HeldSqlite {
    // Dropped in this order, by hand: the view, which does not close what it did not open; the lock; and what both are of.
    view: ManuallyDrop<Connection>,
    lock: ManuallyDrop<LockedSqliteHandle<'static>>,
    owner: NonNull<SqliteConnection>,
}

impl HeldSqlite {
    /// Waits until sqlx's worker has finished what it does, and takes its place for good.
    pub async fn new(conn: SqliteConnection) -> Result<HeldSqlite, sqlx::Error> {
        let mut owner = NonNull::from(Box::leak(Box::new(conn)));
        // SAFETY: the box is given back by `release` alone, which drops the lock before. Nobody else has the pointer.
        let held = unsafe { owner.as_mut() }.lock_handle().await.and_then(|mut lock| {
            // SAFETY: rusqlite and sqlx are linked to one and the same library (`links = "sqlite3"` of libsqlite3-sys lets
            // Cargo build only one), so the pointer is what both take it for. It is open, and stays so: the lock keeps the
            // worker off it and is dropped after the view. `from_handle` makes a view that never closes the handle.
            let view = unsafe { Connection::from_handle(lock.as_raw_handle().as_ptr().cast()) };
            Ok((view.map_err(|e| sqlx::Error::Protocol(e.to_string()))?, lock))
        });
        match held {
            Ok((view, lock)) => Ok(HeldSqlite { view: ManuallyDrop::new(view), lock: ManuallyDrop::new(lock), owner }),
            Err(e) => {
                // SAFETY: it was leaked above, and the lock is gone.
                drop(unsafe { Box::from_raw(owner.as_ptr()) });
                Err(e)
            }
        }
    }

    /// Closes in order, so that SQLite can fold its log into the file.
    pub async fn close(self) -> Result<(), sqlx::Error> {
        ManuallyDrop::new(self).release().close().await
    }

    /// Gives sqlx its connection back. To be called once, when nothing of this is used any more.
    fn release(&mut self) -> SqliteConnection {
        // SAFETY: each is dropped once, the view and the lock before what they are of; the box was leaked by `new`.
        unsafe {
            ManuallyDrop::drop(&mut self.view);
            ManuallyDrop::drop(&mut self.lock);
            *Box::from_raw(self.owner.as_ptr())
        }
    }
}

impl Drop for HeldSqlite {
    fn drop(&mut self) {
        drop(self.release());
    }
}

impl Deref for HeldSqlite {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.view
    }
}

impl DerefMut for HeldSqlite {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.view
    }
}

/// Lets SQLite keep no count of the memory that it takes, which costs it a lock at each of its many small allocations. To be
/// said before it is first used; later it changes nothing.
pub fn count_no_memory() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        // SAFETY: the option is one that takes an int. Where the library is at work already it refuses the call.
        unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0) };
    });
}

/// Steps of a statement after which it asks whether a signal has come that ends it: some tenths of a millisecond.
const STEPS: i32 = 10_000;

/// Lets a signal end a statement of the connection that is under way, where such are heeded.
pub fn let_signals_end_statements(conn: &Connection) {
    extern "C" fn ends(_: *mut std::ffi::c_void) -> i32 {
        i32::from(signals::ends_statement())
    }
    // SAFETY: the handle is open while the connection lives, and with it goes what asks; the function reads two flags of the
    // process, in the thread of the statement.
    unsafe { ffi::sqlite3_progress_handler(conn.handle(), STEPS, Some(ends), std::ptr::null_mut()) };
}

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
