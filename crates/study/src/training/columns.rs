//! The variables of training studies.

use crate::columns::Column;

const RUN: &[&str] = &["repetition"];

/// The task.
pub(super) const TASK: &[Column] = &[
    Column::new("input_voltage", &["pattern", "input"], "V", "input voltages of the training patterns"),
    Column::new("target", &["pattern"], "1", "targets of the training patterns: a class, or a current [nA]"),
    Column::new("test_input_voltage", &["test_pattern", "input"], "V", "input voltages of the test patterns"),
    Column::new("test_target", &["test_pattern"], "1", "targets of the test patterns: a class, or a current [nA]"),
    Column::new(
        "test_radius",
        &["test_pattern"],
        "1",
        "distance of the test patterns from the centre of the ball, whose surface lies at 1",
    ),
];

/// Single numbers of a run, in the order in which `train` gives them.
pub(super) const SCALARS: &[Column] = &[
    Column::new(
        "solved",
        RUN,
        "1",
        "1 where it succeeded, and without noise every training current lies beyond the margin on its side of one threshold, or, with a solved_accuracy below 1, that part of the test patterns does; of targets that are currents, where the loss without noise is below the limit too",
    ),
    Column::new("succeeded", RUN, "1", "1 where the loss that judges came below the limit within the budget"),
    Column::new(
        "final_loss",
        RUN,
        "1",
        "lowest loss that judges, measured or without noise: that of the controls that were kept",
    ),
    Column::new("noiseless_loss", RUN, "1", "loss of the kept controls without noise"),
    Column::new(
        "noiseless_accuracy",
        RUN,
        "1",
        "part of the training patterns on the right side of the best threshold, without noise",
    ),
    Column::new(
        "noiseless_test_accuracy",
        RUN,
        "1",
        "part of the test patterns on the right side of that threshold, without noise",
    ),
    Column::new(
        "margin",
        RUN,
        "nA",
        "half the distance of the lowest training current of class 1 from the highest of class 0, without noise; of a single class its distance from the threshold",
    ),
    Column::new(
        "training_accuracy",
        RUN,
        "1",
        "part of the training patterns on the right side of the threshold, measured",
    ),
    Column::new("test_accuracy", RUN, "1", "part of the test patterns on the right side of the threshold, measured"),
    Column::new("iterations", RUN, "1", "iterations or generations of all attempts"),
    Column::new("attempts", RUN, "1", "attempts, each from new random controls"),
    Column::new("measurement_time_s", RUN, "s", "measurement time of the training"),
    Column::new("samples", RUN, "1", "samples that were taken of the output while training"),
    Column::new("threshold", RUN, "nA", "current that divides the measured training patterns best"),
];

/// Lists of a run, in the order in which `train` gives them after the [`SCALARS`].
pub(super) const LISTS: &[Column] = &[
    Column::new("loss", &["repetition", "iteration"], "1", "measured loss over the iterations of the first attempt"),
    Column::new(
        "lowest_loss",
        &["repetition", "time_s"],
        "1",
        "lowest measured loss up to a measurement time, over all attempts",
    ),
    Column::new("control_voltage", &["repetition", "control"], "V", "kept controls"),
    Column::new(
        "current",
        &["repetition", "pattern"],
        "nA",
        "measured currents of the training patterns at the kept controls",
    ),
    Column::new(
        "test_current",
        &["repetition", "test_pattern"],
        "nA",
        "measured currents of the test patterns at the kept controls",
    ),
    Column::new(
        "trace",
        &["repetition", "trace_time_s"],
        "nA",
        "current over time while the training patterns are applied one after the other",
    ),
];
