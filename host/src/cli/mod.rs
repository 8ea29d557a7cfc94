//! The command line: the only place that parses arguments and prints.
//!
//! One file a command: its arguments, and a `run` that returns how the program exits. What a command finds out is
//! computed elsewhere and only shown here.

mod adhoc;
mod alert;
mod audit;
mod backfill;
mod check;
mod columns;
mod compile_child;
mod completions;
mod control;
mod descriptors;
mod ending;
mod exit;
mod host_log;
mod init;
mod inspect;
mod ledger;
mod logs;
mod next;
mod observing;
mod offline;
mod pause;
mod progress;
mod reload;
mod run;
mod runs;
mod servable;
mod serve;
mod shown;
mod source;
mod state;
mod stats;
mod status;
mod supervisor;
mod tasks;
pub mod terminal;
mod token;
mod top;
mod trigger;
mod trouble;
mod wait;
mod when;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::clock::Clock;
use crate::model::text::{inert, is_inert};

pub use exit::Exit;

/// cron for WebAssembly: runs sandboxed wasm plugins on schedules.
#[derive(Debug, Parser)]
#[command(
    name = "sandclock",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = EXAMPLES
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
struct Global {
    /// The configuration file; of several, the last counts
    #[arg(
        long,
        short,
        global = true,
        overrides_with = "config",
        value_name = "FILE",
        env = "SANDCLOCK_CONFIG",
        hide_env_values = true,
        default_value = "sandclock.toml"
    )]
    config: PathBuf,
    /// When to colour what is printed
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    color: terminal::Color,
}

/// A command's help is the documentation of its arguments; a line here would take its place.
#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Arguments),
    Check(check::Arguments),
    Serve(serve::Arguments),
    Run(run::Arguments),
    Inspect(inspect::Arguments),
    Status(status::Arguments),
    Tasks(tasks::Arguments),
    Top(top::Arguments),
    Next(next::Arguments),
    Runs(runs::Arguments),
    Logs(logs::Arguments),
    Stats(stats::Arguments),
    Trigger(trigger::Arguments),
    Retry(trigger::RetryArguments),
    Cancel(trigger::CancelArguments),
    Pause(pause::PauseArguments),
    Resume(pause::ResumeArguments),
    Backfill(backfill::Arguments),
    Reload(reload::Arguments),
    Alert(alert::Arguments),
    Ledger(ledger::Arguments),
    Token(token::Arguments),
    Audit(audit::Arguments),
    Completions(completions::Arguments),
    /// Compile one plugin, as ordered on stdin
    #[command(hide = true)]
    CompileChild,
}

const EXAMPLES: &str = "\
To begin:
  sandclock init demo           write a sandclock.toml and a first plugin into ./demo
  sandclock check               say what is wrong with ./sandclock.toml, or what it means
  sandclock run hello           one run of a task now, in the foreground
  sandclock serve               run every task when it is due, until Ctrl-C

To see how it goes:
  sandclock status              how the running host is, and which tasks are in trouble
  sandclock tasks               how every task stands, a line each
  sandclock top                 what goes on, live
  sandclock next report -n 5    the next five times at which the task `report` is due

To see what happened, and why:
  sandclock runs report         what became of a task's runs, newest first
  sandclock logs RUN            what a run logged; with -f, as it does
  sandclock stats report        a task's days, and how near it comes to its limits

To have the running host do something:
  sandclock trigger report --wait
                                one run of a task more, followed to its end
  sandclock retry RUN           a run again that did not succeed
  sandclock cancel RUN          a run less
  sandclock pause report        no slot of a task is run until it is resumed
  sandclock backfill report --from 2d --to 1h
                                runs the slots of a past time that did not succeed
  sandclock reload --dry-run    what a changed sandclock.toml would change, slots and runs included

To look after it:
  sandclock alert test ops      a message to an alert, to see that it arrives
  sandclock ledger backup FILE  a copy of the ledger, beside a running host
  sandclock token create ci --role operate
                                lets somebody use the API over the network
  sandclock audit               who changed what

Exit codes: 0 done, 1 the host failed, 2 wrong usage, 3 configuration refused, 4 not found,
5 already running, 6 no host is running; `sandclock run --help` has those of a run's outcome.";

/// Runs the program on these arguments (the program's name first) and says how to exit. Prints, but never exits.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    std::panic::set_hook(Box::new(terminal::panicked));
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return exit::of_parse(&inert_mistake(error, &arguments)),
    };
    cli.global.color.apply();
    let clock = Clock::system();
    let result = match cli.command {
        Command::Init(arguments) => init::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments, &cli.global.config, clock),
        Command::Next(arguments) => next::run(&arguments, &cli.global.config, clock),
        Command::Run(arguments) => run::run(&arguments, &cli.global.config, clock),
        Command::Check(arguments) => check::run(&arguments, &cli.global.config, clock),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Runs(arguments) => runs::run(&arguments, &cli.global.config, clock),
        Command::Logs(arguments) => logs::run(&arguments, &cli.global.config, clock),
        Command::Stats(arguments) => stats::run(&arguments, &cli.global.config, clock),
        Command::Status(arguments) => status::run(&arguments, &cli.global.config, clock),
        Command::Tasks(arguments) => tasks::run(&arguments, &cli.global.config, clock),
        Command::Top(arguments) => top::run(&arguments, &cli.global.config, clock),
        Command::Retry(arguments) => trigger::retry(&arguments, &cli.global.config, clock),
        Command::Trigger(arguments) => trigger::run(&arguments, &cli.global.config, clock),
        Command::Cancel(arguments) => trigger::cancel(&arguments, &cli.global.config, clock),
        Command::Pause(arguments) => pause::pause(&arguments, &cli.global.config, clock),
        Command::Resume(arguments) => pause::resume(&arguments, &cli.global.config, clock),
        Command::Backfill(arguments) => backfill::run(&arguments, &cli.global.config, clock),
        Command::Reload(arguments) => reload::run(&arguments, &cli.global.config, clock),
        Command::Alert(arguments) => alert::run(&arguments, &cli.global.config, clock),
        Command::Ledger(arguments) => ledger::run(&arguments, &cli.global.config, clock),
        Command::Token(arguments) => token::run(&arguments, &cli.global.config, clock),
        Command::Audit(arguments) => audit::run(&arguments, &cli.global.config, clock),
        Command::CompileChild => compile_child::run(),
        Command::Completions(arguments) => completions::run(&arguments, &mut Cli::command()),
    };
    result.unwrap_or_else(|error| {
        terminal::error(&error);
        exit::of_error(&error)
    })
}

/// What clap has to say of arguments that it did not take. It quotes them as they are, so it is asked again, about
/// arguments that are inert.
fn inert_mistake(mistake: clap::Error, arguments: &[OsString]) -> clap::Error {
    if arguments.iter().all(|argument| argument.to_str().is_some_and(is_inert)) {
        return mistake;
    }
    match Cli::try_parse_from(arguments.iter().map(|argument| inert(&argument.to_string_lossy()).to_string())) {
        Err(inert) if inert.kind() == mistake.kind() => inert,
        // The mistake is in what was escaped: its kind has to do.
        _ => clap::Error::new(mistake.kind()).with_cmd(&Cli::command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_of_a_command_is_all_that_its_arguments_document() {
        for command in Cli::command().get_subcommands_mut().filter(|command| !command.is_hide_set()) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
        }
        let mut cli = Cli::command();
        let serve = cli.find_subcommand_mut("serve").unwrap();
        assert!(serve.render_long_help().to_string().contains("SIGINT"));
    }

    /// `tests/cli/help/*.txt` is what people read. `UPDATE=1` rewrites it.
    #[test]
    fn help_reads_as_it_was_reviewed() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cli/help");
        let mut cli = Cli::command().term_width(100);
        cli.build();
        let mut pages = vec![("sandclock".to_owned(), cli.render_long_help())];
        for command in cli.get_subcommands_mut().filter(|command| !command.is_hide_set()) {
            let name = command.get_name().to_owned();
            pages.push((name.clone(), command.clone().term_width(100).render_long_help()));
            pages.extend(command.get_subcommands().map(|below| {
                (format!("{name}-{}", below.get_name()), below.clone().term_width(100).render_long_help())
            }));
        }
        for (name, page) in pages {
            let file = folder.join(format!("{name}.txt"));
            let page: String = page.to_string().lines().map(|line| format!("{}\n", line.trim_end())).collect();
            if std::env::var_os("UPDATE").is_some() {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&file, &page).unwrap();
            }
            let reviewed = std::fs::read_to_string(&file).unwrap_or_default();
            assert_eq!(page, reviewed, "{}; UPDATE=1 rewrites it", file.display());
        }
    }
}
