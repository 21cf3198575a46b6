//! The command line of homodyne.

#[macro_use]
mod say;
mod commands;
mod failure;
mod machine;
mod reading;
mod signals;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Simulates physical systems that learn by measuring their own gradient.
///
/// A scenario (TOML) describes a device, noise, an estimator and a sweep; `run` computes one HDF5 file and a figure.
#[derive(Debug, Parser)]
#[command(
    name = "homodyne",
    version,
    about,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  homodyne new error --output my.toml                  a scenario to start from
  homodyne help estimator.amplitude_volt               what a key of a scenario is
  homodyne list                                        scenarios that ship
  homodyne run scenarios/error_vs_spacing.toml         one HDF5 file and a figure in results/
  homodyne show results/error-vs-spacing.h5            Monte Carlo, exact and published errors as a table
  homodyne plan --parameters 7 --band 100,1000 --duration 0.1 --ratio 2.05
  homodyne demodulate record.npy --plan plan.toml      derivatives with standard errors from a measured record
  homodyne device generate --seed 7 --output d.json    a simulated dopant network

Exit codes: 0 done, 1 failed, 2 bad input, 130/143 stopped by SIGINT/SIGTERM, 75 stopped by SIGUSR1 to be run again."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(commands::new::New),
    Run(commands::run::Run),
    Merge(commands::merge::Merge),
    Status(commands::status::StatusArguments),
    Submit(commands::slurm::Submit),
    Resubmit(commands::slurm::Resubmit),
    Cancel(commands::slurm::Cancel),
    Plot(commands::plot::PlotArguments),
    Show(commands::show::Show),
    Plan(commands::plan::Plan),
    Traces(commands::traces::Traces),
    Demodulate(commands::demodulate::Demodulate),
    Noise(commands::noise_of_record::NoiseOfRecord),
    Device(commands::device::Device),
    Export(commands::export::Export),
    #[command(hide = true)]
    CopyResults(commands::copy_results::CopyResults),
    Schema(commands::schema::Schema),
    List(commands::list::List),
    Completions(commands::completions::Completions),
    Man(commands::man::Man),
    Help(commands::help::Help),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::New(c) => c.execute(),
        Command::Run(c) => c.execute(),
        Command::Merge(c) => c.execute(),
        Command::Status(c) => c.execute(),
        Command::Submit(c) => c.execute(),
        Command::Resubmit(c) => c.execute(),
        Command::Cancel(c) => c.execute(),
        Command::Plot(c) => c.execute(),
        Command::Show(c) => c.execute(),
        Command::Plan(c) => c.execute(),
        Command::Traces(c) => c.execute(),
        Command::Demodulate(c) => c.execute(),
        Command::Noise(c) => c.execute(),
        Command::Device(c) => c.execute(),
        Command::Export(c) => c.execute(),
        Command::CopyResults(c) => c.execute(),
        Command::Schema(c) => c.execute(),
        Command::List(c) => c.execute(),
        Command::Completions(c) => c.execute(),
        Command::Man(c) => c.execute(),
        Command::Help(c) => c.execute(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure::Failure::Stopped(code)) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
