//! Files that may let one wait: a pipe without its other end, a terminal. A signal ends the waiting, on whatever thread.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc::O_NONBLOCK;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::model::signals;

/// Between two looks for a signal, in milliseconds: another thread may have got it, so no call is interrupted by it.
const LOOK: u8 = 50;

/// Not `ErrorKind::Interrupted`, which is tried again by all that reads.
fn check_signal() -> io::Result<()> {
    match signals::has_come() {
        true => Err(io::Error::other("interrupted")),
        false => Ok(()),
    }
}

/// Reads what is there, and waits for what is not until a signal comes.
pub struct Interruptible<T> {
    inner: T,
}

impl<T: Read + AsFd> Interruptible<T> {
    pub fn new(inner: T) -> Interruptible<T> {
        Interruptible { inner }
    }

    fn wait(&self) -> io::Result<()> {
        loop {
            check_signal()?;
            let mut fds = [PollFd::new(self.inner.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::from(LOOK)) {
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(()),
                Err(e) => return Err(e.into()),
            }
        }
    }
}

impl<T: Read + AsFd> Read for Interruptible<T> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            self.wait()?;
            match self.inner.read(into) {
                // Somebody else was faster.
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }
}

/// Opens a file to be read. A pipe that nobody writes to yet is waited for while reading.
pub fn open(path: &Path) -> io::Result<Interruptible<File>> {
    let mut options = OpenOptions::new();
    options.read(true);
    // Only there: a file that is leased to somebody would be refused.
    if std::fs::metadata(path)?.is_file() {
        return options.open(path).map(Interruptible::new);
    }
    options.custom_flags(O_NONBLOCK).open(path).map(Interruptible::new)
}

/// Opens a pipe or a device to be written to. A pipe that nobody reads yet is waited for.
pub fn open_to_write(path: &Path) -> io::Result<File> {
    loop {
        check_signal()?;
        // Writing then waits for the reader, as it does for that of standard output.
        let tried = OpenOptions::new().write(true).custom_flags(O_NONBLOCK).open(path).and_then(blocking);
        match tried {
            Err(e) if e.raw_os_error() == Some(Errno::ENXIO as i32) && is_pipe(path) => {
                sleep(Duration::from_millis(LOOK.into()));
            }
            tried => return tried,
        }
    }
}

fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    std::fs::metadata(path).is_ok_and(|m| m.file_type().is_fifo())
}

fn blocking(file: File) -> io::Result<File> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let flags = OFlag::from_bits_truncate(fcntl(&file, FcntlArg::F_GETFL)?);
    fcntl(&file, FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK))?;
    Ok(file)
}
