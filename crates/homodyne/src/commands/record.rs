//! A measured record on the command line.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tables::read_all_columns;

use crate::failure::Failure;

/// The record, and how to read it.
#[derive(Debug, Args)]
pub(crate) struct RecordArguments {
    /// The output: one column of text (.csv, .txt, .tsv, .dat, .asc), .npy or .npz.
    #[arg(value_name = "RECORD")]
    pub(crate) file: PathBuf,
    /// Column of the record, counted from 1.
    #[arg(long)]
    column: Option<usize>,
    /// Unit of the record.
    #[arg(long, value_enum, default_value_t = Unit::Nanoampere)]
    unit: Unit,
    /// Sampling rate of the record (Hz); that of its time column, or of the plan where there is one, if not given.
    #[arg(long)]
    pub(crate) rate: Option<f64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Unit {
    #[value(name = "pA")]
    Picoampere,
    #[value(name = "nA")]
    Nanoampere,
    #[value(name = "uA")]
    Microampere,
    #[value(name = "mA")]
    Milliampere,
    #[value(name = "A")]
    Ampere,
}

impl Unit {
    fn nanoampere(self) -> f64 {
        match self {
            Self::Picoampere => 1e-3,
            Self::Nanoampere => 1.0,
            Self::Microampere => 1e3,
            Self::Milliampere => 1e6,
            Self::Ampere => 1e9,
        }
    }
}

/// A record as it was read.
pub(crate) struct Record {
    pub(crate) samples_na: Vec<f64>,
    /// Sampling rate of its time column [Hz].
    pub(crate) rate_hz: Option<f64>,
    pub(crate) remarks: Vec<String>,
}

impl RecordArguments {
    /// Reads it.
    pub(crate) fn read(&self) -> Result<Record, Failure> {
        let bad = |message: String| Failure::BadInput(format!("`{}`: {message}", self.file.display()));
        let mut table = read_all_columns(&self.file).map_err(|e| bad(e.to_string()))?;
        let columns = table.values.len();
        let time = if columns > 1 { time_column(&table.values[0]) } else { None };
        let column = match (self.column, columns, &time) {
            (Some(column), ..) if (1..=columns).contains(&column) => column,
            (Some(column), ..) => return Err(bad(format!("--column {column}: it has {columns} columns"))),
            (None, 0 | 1, _) => 1,
            (None, 2, Some(_)) => 2,
            (None, ..) => return Err(bad(format!("it has {columns} columns: say with --column which is the output"))),
        };
        if table.values.first().is_none_or(Vec::is_empty) {
            return Err(bad("it holds no numbers".to_owned()));
        }
        let time = time.filter(|_| column != 1);
        let rate_hz = match time {
            Some(Err(row)) => {
                return Err(bad(format!(
                    "the time in its first column jumps at {}: samples are missing",
                    table.place(row)
                )));
            }
            Some(Ok(rate_hz)) => Some(rate_hz),
            None => None,
        };
        let factor = self.unit.nanoampere();
        let samples_na = table.values.swap_remove(column - 1).into_iter().map(|x| x * factor).collect();
        Ok(Record { samples_na, rate_hz, remarks: table.remarks })
    }
}

/// The sampling rate [Hz] of a column that holds an increasing time [s], or the row before which it jumps by more than
/// half a step; none if it is no time.
pub(crate) fn time_column(column: &[f64]) -> Option<Result<f64, usize>> {
    let (first, last) = (column.first()?, column.last()?);
    if column.len() < 3 || column.windows(2).any(|t| t[1] <= t[0]) {
        return None;
    }
    let mut steps: Vec<f64> = column.windows(2).map(|t| t[1] - t[0]).collect();
    steps.sort_by(f64::total_cmp);
    let usual = steps[steps.len() / 2];
    match column.windows(2).position(|t| t[1] - t[0] > 1.5 * usual) {
        Some(at) => Some(Err(at + 1)),
        None => Some(Ok((column.len() - 1) as f64 / (last - first))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_columns_are_recognised() {
        let time: Vec<f64> = (0..100).map(|n| 3.0 + f64::from(n) * 1e-4).collect();
        assert!((time_column(&time).unwrap().unwrap() - 1e4).abs() < 1e-6);
        assert_eq!(time_column(&[&time[..40], &time[42..]].concat()), Some(Err(40)));
        assert_eq!(time_column(&[1.0, 2.0, 1.5]), None);
        assert_eq!(time_column(&[1.0, 2.0]), None);
    }
}
