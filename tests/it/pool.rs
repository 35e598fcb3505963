//! Connections to the test server that outlive the commands which use them: a new one costs the server as much as ten
//! statements, and each test runs dozens of commands. It speaks no more of the protocol than it must to hand a connection
//! from one to the next, clean; one that is not left clean is closed, as its command would have closed it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::thread;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// A connection, and what the server said when it began.
struct Session {
    stream: UnixStream,
    greeting: Vec<u8>,
}

#[derive(Default)]
struct Idle {
    /// By what their clients asked for, without their names.
    sessions: BTreeMap<Vec<(String, String)>, Vec<Session>>,
    /// Databases that nobody is to be connected with any more.
    closed: BTreeSet<String>,
}

static IDLE: Mutex<Idle> = Mutex::new(Idle { sessions: BTreeMap::new(), closed: BTreeSet::new() });

const CANCEL: u32 = 80_877_102;

/// The same database by way of the pool.
pub fn pooled(url: &str) -> String {
    static PORT: OnceLock<u16> = OnceLock::new();
    let mut url = url::Url::parse(url).expect("a URL");
    let port = *PORT.get_or_init(|| {
        let server = socket();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = server.clone();
                thread::spawn(move || drop(serve(client, &server)));
            }
        });
        port
    });
    url.set_port(Some(port)).expect("a URL with a port");
    url.to_string()
}

/// Ends all connections with a database, and keeps none from now on.
pub fn close(database: &str) {
    let mut idle = IDLE.lock().expect("nobody panics in it");
    idle.closed.insert(database.to_owned());
    idle.sessions.retain(|asked, _| !is_of(asked, database));
}

fn is_of(asked: &[(String, String)], database: &str) -> bool {
    asked.iter().any(|(name, value)| name == "database" && value == database)
}

/// Where messages begin and end in a stream: of each its type and the first byte of what it holds.
#[derive(Default)]
struct Frames {
    head: Vec<u8>,
    left: usize,
}

impl Frames {
    fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(u8, u8)) {
        while !bytes.is_empty() {
            // Type, length, and one byte more where there is one.
            let wanted = if self.head.len() < 5 || self.length() > 4 { 6 } else { 5 };
            if self.head.len() < wanted {
                self.head.push(bytes[0]);
                bytes = &bytes[1..];
                if self.head.len() == 5 && self.length() == 4 {
                    each(self.head[0], 0);
                    self.head.clear();
                } else if self.head.len() == 6 {
                    self.left = self.length() - 5;
                    each(self.head[0], self.head[5]);
                    if self.left == 0 {
                        self.head.clear();
                    }
                }
                continue;
            }
            let skipped = self.left.min(bytes.len());
            self.left -= skipped;
            bytes = &bytes[skipped..];
            if self.left == 0 {
                self.head.clear();
            }
        }
    }

    fn length(&self) -> usize {
        u32::from_be_bytes([self.head[1], self.head[2], self.head[3], self.head[4]]) as usize
    }
}

/// The server's socket: what the program says to the pool over TCP takes half the work from there on.
fn socket() -> PathBuf {
    let url = url::Url::parse(&crate::harness::socket()).expect("a URL");
    let (_, folder) = url.query_pairs().find(|(name, _)| name == "host").expect("a folder");
    Path::new(&*folder).join(format!(".s.PGSQL.{}", url.port().expect("a port")))
}

fn serve(mut client: TcpStream, server: &Path) -> io::Result<()> {
    client.set_nodelay(true)?;
    let start = packet(&mut client)?;
    let code = u32::from_be_bytes([start[4], start[5], start[6], start[7]]);
    if code == CANCEL {
        let mut to = UnixStream::connect(server)?;
        to.write_all(&start)?;
        // The server answers by closing.
        return to.read(&mut [0]).map(drop);
    }
    let (asked, name) = parameters(&start[8..]);
    let mut session = match take(&asked, &name) {
        Some(session) => session,
        None => begin(&start, &mut client, server)?,
    };
    let mut hello = vec![b'R', 0, 0, 0, 8, 0, 0, 0, 0];
    hello.extend(&session.greeting);
    client.write_all(&hello)?;
    if relay(&mut client, &mut session.stream)? && query(&mut session.stream, "discard all").is_ok() {
        let mut idle = IDLE.lock().expect("nobody panics in it");
        if !idle.closed.iter().any(|database| is_of(&asked, database)) {
            idle.sessions.entry(asked).or_default().push(session);
        }
    }
    Ok(())
}

/// The packet that a client begins with.
fn packet(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut packet = vec![0; 4];
    client.read_exact(&mut packet)?;
    packet.resize(u32::from_be_bytes([packet[0], packet[1], packet[2], packet[3]]) as usize, 0);
    client.read_exact(&mut packet[4..])?;
    Ok(packet)
}

/// What a client asks for, and how it calls itself.
fn parameters(bytes: &[u8]) -> (Vec<(String, String)>, String) {
    let words: Vec<String> = bytes.split(|b| *b == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    let mut asked: Vec<(String, String)> =
        words.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).filter(|(n, _)| !n.is_empty()).collect();
    let mut name = String::new();
    asked.retain(|(n, value)| {
        if n == "application_name" {
            name.clone_from(value);
        }
        n != "application_name"
    });
    (asked, name)
}

fn take(asked: &[(String, String)], name: &str) -> Option<Session> {
    loop {
        let mut session = IDLE.lock().expect("nobody panics in it").sessions.get_mut(asked)?.pop()?;
        let name = name.replace('\'', "''");
        if query(&mut session.stream, &format!("set application_name to '{name}'")).is_ok() {
            return Some(session);
        }
    }
}

/// A new connection; what the server refuses is told to the client.
fn begin(start: &[u8], client: &mut TcpStream, server: &Path) -> io::Result<Session> {
    let mut stream = UnixStream::connect(server)?;
    stream.write_all(start)?;
    let mut greeting = Vec::new();
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head)?;
        let mut message = head.to_vec();
        message.resize(1 + u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize, 0);
        stream.read_exact(&mut message[5..])?;
        match head[0] {
            // Nobody is asked for a password here.
            b'R' => {}
            b'E' => {
                client.write_all(&message)?;
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            last => {
                greeting.extend(message);
                if last == b'Z' {
                    return Ok(Session { stream, greeting });
                }
            }
        }
    }
}

/// Runs a statement; an error where it is refused, or the connection is gone.
fn query(server: &mut UnixStream, sql: &str) -> io::Result<()> {
    let mut message = vec![b'Q'];
    message.extend(u32::try_from(sql.len() + 5).expect("short").to_be_bytes());
    message.extend(sql.as_bytes());
    message.push(0);
    server.write_all(&message)?;
    let (mut frames, mut bytes, mut is_done, mut is_refused) = (Frames::default(), [0; 4096], false, false);
    while !is_done {
        let n = server.read(&mut bytes)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        frames.feed(&bytes[..n], |kind, _| {
            is_done |= kind == b'Z';
            is_refused |= kind == b'E';
        });
    }
    if is_refused { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
}

/// Hands everything on until one of them ends; whether the client took its leave and left nothing open.
fn relay(client: &mut TcpStream, server: &mut UnixStream) -> io::Result<bool> {
    let (mut from_client, mut from_server) = (Frames::default(), Frames::default());
    let (mut asked, mut answered, mut is_idle) = (0_usize, 0_usize, true);
    let mut bytes = vec![0; 1 << 16];
    loop {
        let mut ends = [PollFd::new(client.as_fd(), PollFlags::POLLIN), PollFd::new(server.as_fd(), PollFlags::POLLIN)];
        poll(&mut ends, PollTimeout::NONE)?;
        let [says, answers] = ends.map(|end| end.any().unwrap_or(false));
        if answers {
            let n = server.read(&mut bytes)?;
            if n == 0 {
                return Ok(false);
            }
            from_server.feed(&bytes[..n], |kind, state| {
                if kind == b'Z' {
                    answered += 1;
                    is_idle = state == b'I';
                }
            });
            client.write_all(&bytes[..n])?;
        }
        if says {
            let n = client.read(&mut bytes)?;
            let mut leaves = false;
            from_client.feed(&bytes[..n], |kind, _| {
                asked += usize::from(matches!(kind, b'Q' | b'S' | b'F'));
                leaves = kind == b'X';
            });
            match leaves {
                // Its last words are not the server's business.
                true if n >= 5 => {
                    server.write_all(&bytes[..n - 5])?;
                    return Ok(n == 5 && is_idle && asked == answered);
                }
                _ if n == 0 => return Ok(false),
                _ => server.write_all(&bytes[..n])?,
            }
        }
    }
}
