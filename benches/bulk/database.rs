//! A database on one engine, and the commands that are run on it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const ORGCTL: &str = env!("CARGO_BIN_EXE_orgctl");

pub struct BenchDatabase {
    pub url: String,
    /// SQLite's file; none on PostgreSQL.
    pub file: Option<PathBuf>,
}

/// What a command took.
pub struct Took {
    pub time: Duration,
    /// Time of processors, of all its threads together.
    pub processor: Duration,
    /// Most memory it held, in KB.
    pub peak: u64,
    /// What it told beside its data.
    pub said: String,
}

impl Took {
    pub fn seconds(&self) -> f64 {
        self.time.as_secs_f64()
    }
}

impl BenchDatabase {
    /// An empty database, without a schema.
    pub fn empty(engine: &str, folder: &Path, name: &str) -> BenchDatabase {
        if engine == "sqlite" {
            let file = folder.join(format!("{name}.db"));
            remove(&file);
            return BenchDatabase { url: format!("sqlite://{}", file.display()), file: Some(file) };
        }
        let place = BenchDatabase::on_server(name);
        BenchDatabase::server().psql(&format!("create database {}", place.name()));
        place
    }

    /// A database with an organisation.
    pub fn new(engine: &str, folder: &Path, name: &str) -> BenchDatabase {
        let place = BenchDatabase::empty(engine, folder, name);
        place.orgctl(&["init", "--org-code", "ACME", "--org-name", "Acme"]);
        place
    }

    /// The same once more.
    pub fn copy(&self, name: &str) -> BenchDatabase {
        let Some(file) = &self.file else {
            let place = BenchDatabase::on_server(name);
            BenchDatabase::server().psql(&format!("create database {} template {}", place.name(), self.name()));
            return place;
        };
        let copy = file.with_file_name(format!("{name}.db"));
        remove(&copy);
        assert!(!wal(file).exists(), "a command left the journal of {} behind", file.display());
        fs::copy(file, &copy).expect("a copy");
        BenchDatabase { url: format!("sqlite://{}", copy.display()), file: Some(copy) }
    }

    fn server() -> BenchDatabase {
        BenchDatabase { url: std::env::var("ORGCTL_TEST_PG").expect("run this with ./tests/run bench"), file: None }
    }

    /// The same database, reached by the server's socket.
    #[must_use]
    pub fn by_socket(mut self) -> BenchDatabase {
        let socket = std::env::var("ORGCTL_TEST_PG_SOCKET").expect("run this with ./tests/run bench");
        let mut url = url::Url::parse(&socket).expect("a URL");
        url.set_path(&self.name());
        self.url = url.to_string();
        self
    }

    /// Its name is that of no other run on the same server.
    fn on_server(name: &str) -> BenchDatabase {
        let mut url = url::Url::parse(&BenchDatabase::server().url).expect("a URL");
        url.set_path(&format!("bench_{name}_{}", std::process::id()));
        BenchDatabase { url: url.to_string(), file: None }
    }

    /// What PostgreSQL calls it.
    fn name(&self) -> String {
        url::Url::parse(&self.url).expect("a URL").path().trim_start_matches('/').to_owned()
    }

    /// The name of the loader that comes with the engine.
    pub fn own_loader(&self) -> &'static str {
        if self.file.is_some() { ".import" } else { "\\copy" }
    }

    /// Runs a command and watches its memory.
    pub fn orgctl(&self, words: &[&str]) -> Took {
        self.orgctl_with(words, &[])
    }

    /// The same, with some variables.
    pub fn orgctl_with(&self, words: &[&str], env: &[(&str, &Path)]) -> Took {
        let mut command = Command::new(ORGCTL);
        // What holds for the measuring, or for whoever measures, is none of its business.
        for name in std::env::vars_os().map(|(name, _)| name).filter(|n| n.to_string_lossy().starts_with("ORGCTL_")) {
            command.env_remove(name);
        }
        let before = processor_of_children();
        let started = Instant::now();
        let child = command
            .args(words)
            .env("ORGCTL_DATABASE_URL", &self.url)
            .envs(env.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("orgctl runs");
        let status = PathBuf::from(format!("/proc/{}/status", child.id()));
        // The kernel keeps the peak, so that a look now and then misses only what the last moment adds.
        let watch = thread::spawn(move || {
            let mut peak = 0;
            while let Some(kb) = fs::read_to_string(&status).ok().and_then(|text| peak_of(&text)) {
                peak = kb.max(peak);
                thread::sleep(Duration::from_millis(20));
            }
            peak
        });
        let out = child.wait_with_output().expect("orgctl ends");
        let time = started.elapsed();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "orgctl {words:?} ended with {}: {said}", out.status);
        let processor = processor_of_children().saturating_sub(before);
        Took { time, processor, peak: watch.join().expect("a peak"), said }
    }

    pub fn psql(&self, script: &str) -> String {
        let out = self.try_psql(script);
        assert!(out.status.success(), "psql failed on {script}");
        String::from_utf8(out.stdout).expect("text")
    }

    fn try_psql(&self, script: &str) -> Output {
        let bin = std::env::var("ORGCTL_TEST_PG_BIN").map_or("psql".into(), |bin| format!("{bin}/psql"));
        let mut child = Command::new(bin)
            .args(["-qAtX", "-v", "ON_ERROR_STOP=1", &self.url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql runs");
        child.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("psql reads");
        child.wait_with_output().expect("psql ends")
    }
}

impl Drop for BenchDatabase {
    fn drop(&mut self) {
        match &self.file {
            Some(file) => remove(file),
            None if self.name().starts_with("bench_") => {
                // In a failed run too, whose failure is what should be told.
                BenchDatabase::server().try_psql(&format!("drop database if exists {} with (force)", self.name()));
            }
            None => {}
        }
    }
}

/// What the children that have ended used; `/proc` counts in hundredths of a second.
fn processor_of_children() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("a Linux");
    // The name of the program stands in parentheses, and may hold anything; cutime and cstime are fields 16 and 17.
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = behind_name.split_whitespace().skip(13).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// The peak in KB that `/proc` tells of a process, as long as it runs.
fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

fn wal(file: &Path) -> PathBuf {
    PathBuf::from(format!("{}-wal", file.display()))
}

/// Removes an SQLite file and what stands beside it.
pub fn remove(file: &Path) {
    let _ = fs::remove_file(file);
    let _ = fs::remove_file(wal(file));
    let _ = fs::remove_file(format!("{}-shm", file.display()));
}

pub fn run(command: &mut Command) {
    assert!(command.status().expect("it runs").success(), "{command:?} failed");
}

/// The median of several runs.
pub fn median(times: usize, run: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = std::iter::repeat_with(run).take(times).collect();
    times.sort();
    times[times.len() / 2]
}
