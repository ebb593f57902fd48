//! A compiler process whose input is an attacker: once it is shut in, it tries what a hijacked compiler would, and says on
//! stderr what came of it. `shut-in PORT`, where something listens on the port.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode, Stdio};

use sandbox::{Codegen, CompileLimits, compile_as_child};

/// Attacks when the component should be read, which is when the walls stand.
struct Attacker {
    port: u16,
}

impl Attacker {
    fn attempts(&self) -> Vec<(&'static str, io::Result<()>)> {
        vec![
            ("read a file", File::open("/proc/self/status").map(drop)),
            ("list a directory", fs::read_dir(".").map(drop)),
            ("write a file", File::create("loot").map(drop)),
            ("make a directory", fs::create_dir("loot")),
            ("rename a file", fs::rename("a", "b")),
            ("call over TCP", TcpStream::connect(("127.0.0.1", self.port)).map(drop)),
            ("call over UDP", UdpSocket::bind(("127.0.0.1", 0)).map(drop)),
            ("call another process", UnixStream::connect("/run/docker.sock").map(drop)),
            ("start a program", Command::new("/bin/true").stdin(Stdio::null()).spawn().map(drop)),
            ("start a thread", std::thread::Builder::new().spawn(|| {}).map(drop)),
            ("change directory", std::env::set_current_dir("/")),
        ]
    }
}

impl Read for Attacker {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        for (attempt, result) in self.attempts() {
            let outcome = match result {
                Ok(()) => "possible".to_owned(),
                Err(error) => error.raw_os_error().map_or_else(|| error.to_string(), |code| format!("error {code}")),
            };
            writeln!(io::stderr(), "{attempt}: {outcome}")?;
        }
        Ok(0)
    }
}

fn main() -> ExitCode {
    let Some(port) = std::env::args().nth(1).and_then(|port| port.parse().ok()) else { return ExitCode::from(2) };
    let mut attacker = Attacker { port };
    let (mut output, mut errors) = (io::stdout(), io::stderr());
    let exit =
        compile_as_child(CompileLimits::default(), Codegen::Usual, false, &mut attacker, &mut output, &mut errors);
    ExitCode::from(exit)
}
