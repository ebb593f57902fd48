//! A machine that has little of its processors to give.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use crate::Ran;

/// How long a turn lasts, in milliseconds: as the kernel shares out a quota.
const TURN: usize = 100;

/// Stops a group of processes for a part of every turn, until they are gone.
const SCRIPT: &str = r#"while kill -STOP -- "-$0"; do sleep "$1"; kill -CONT -- "-$0"; sleep "$2"; done 2>/dev/null"#;

/// Runs a command to its end, which has this part of a single processor together with all that it starts, in percent.
pub fn run_with_little(mut command: Command, percent: usize) -> Ran {
    let child = command.process_group(0).spawn().unwrap();
    let _throttle = Throttle::on(&child, percent);
    Ran::end_of(child)
}

/// Throttles a group of processes until it is dropped.
struct Throttle {
    shell: Child,
    group: String,
}

impl Throttle {
    fn on(leader: &Child, percent: usize) -> Throttle {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let runs = (TURN * percent / 100 / processors).max(1);
        let seconds = |milliseconds: usize| format!("0.{milliseconds:03}");
        let group = leader.id().to_string();
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", SCRIPT, &group, &seconds(TURN - runs), &seconds(runs)]);
        let shell = shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Throttle { shell, group }
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
        // Nothing is left behind that never goes on.
        let _ = Command::new("kill").args(["-CONT", "--", &format!("-{}", self.group)]).stderr(Stdio::null()).status();
    }
}
