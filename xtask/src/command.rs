//! Running other programs: says what is done, how long it took, and what to make of a failure.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal};

use crate::time::Stopwatch;

/// Says one line to the person who waits.
pub(crate) fn say(line: &str) {
    eprintln!("xtask: {line}");
}

/// Runs a program to its end, with our terminal, under a line that says what it is for.
///
/// # Errors
/// If it cannot be started, or ends without success; what it printed itself is above the error then.
pub(crate) fn run(purpose: &str, command: &mut Command) -> anyhow::Result<()> {
    report(purpose, command, |child| Ok(child.wait()?))
}

/// As [`run`], for a program that may hang: it is ended after `limit`.
pub(crate) fn run_within(limit: Duration, purpose: &str, command: &mut Command) -> anyhow::Result<()> {
    report(purpose, command, |child| {
        let pid = Pid::from_child(child);
        thread::scope(|scope| {
            let (ended, wait) = mpsc::channel();
            scope.spawn(move || ended.send(child.wait()));
            let status = wait.recv_timeout(limit).or_else(|_| {
                say(&format!("no end after {} s, so it is ended", limit.as_secs()));
                // It may have ended this instant, and then there is nothing to kill.
                let _ = rustix::process::kill_process(pid, Signal::KILL);
                wait.recv()
            })?;
            Ok(status?)
        })
    })
}

fn report(
    purpose: &str,
    command: &mut Command,
    wait: impl FnOnce(&mut Child) -> anyhow::Result<ExitStatus>,
) -> anyhow::Result<()> {
    say(purpose);
    let stopwatch = Stopwatch::start();
    let mut child = command.stdin(Stdio::null()).spawn().with_context(|| not_started(command))?;
    let status = wait(&mut child)?;
    if !status.success() {
        bail!("`{}` {}; its own messages are above", line(command), ending(status));
    }
    say(&format!("done in {}", stopwatch.elapsed()));
    Ok(())
}

/// Runs a program quietly and gives what it printed, without the last line's end.
///
/// # Errors
/// If it cannot be started, or ends without success; the error has what it printed on stderr.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| not_started(command))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` {}: {}", line(command), ending(output.status), stderr.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

fn not_started(command: &Command) -> String {
    format!("cannot start `{}`", line(command))
}

fn ending(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("ended with exit code {code}"),
        None => format!("was cut off ({status})"),
    }
}

/// The command as one would type it, without the folder of the program.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words: Vec<_> = std::iter::once(name).chain(command.get_args()).map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_which_command_and_how_it_ended() {
        let check = |script: &str, expected: &str| {
            let error = output(Command::new("/bin/sh").args(["-c", script])).unwrap_err();
            assert_eq!(format!("{error:#}"), expected);
        };
        check(
            "echo no such thing >&2; exit 3",
            "`sh -c echo no such thing >&2; exit 3` ended with exit code 3: no such thing",
        );
        check("kill -9 $$", "`sh -c kill -9 $$` was cut off (signal: 9 (SIGKILL)): ");
        let error = output(&mut Command::new("/nowhere/tool")).unwrap_err();
        assert_eq!(error.to_string(), "cannot start `tool`");
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let error = run_within(Duration::from_millis(50), "hanging", Command::new("sleep").arg("600")).unwrap_err();
        assert!(error.to_string().contains("SIGKILL"), "{error}");
    }

    #[test]
    fn output_is_what_was_printed() {
        assert_eq!(output(Command::new("/bin/echo").arg("hello")).unwrap(), "hello");
    }
}
