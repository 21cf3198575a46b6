//! Everything that a measurement writes down, sample by sample, and derivatives from records that somebody else has measured.

use ndarray::Array2;
use noise::{CirculantScratch, dot};
use rand::Rng;

use crate::{EstimatorError, Experiment, Scheme};

/// One measurement, record by record.
#[derive(Clone, Debug, PartialEq)]
pub struct Traces {
    /// Voltages at the device \[V\], shape (samples, parameters), for each record.
    pub drive_volt: Vec<Array2<f64>>,
    /// Output without noise \[nA\], for each record.
    pub clean_na: Vec<Vec<f64>>,
    /// Noise \[nA\], for each record.
    pub noise_na: Vec<Vec<f64>>,
    /// What is recorded \[nA\]: both together, as the ADC converts them.
    pub output_na: Vec<Vec<f64>>,
    /// Directions in which a random estimator moved the parameters; empty for others.
    pub directions: Vec<f64>,
    /// What is read from it: the estimate of each derivative \[nA/V, then nA/V² of second ones\].
    pub derivatives: Vec<f64>,
}

impl Experiment {
    /// One measurement with new noise, written out.
    ///
    /// # Errors
    /// If the device cannot be evaluated.
    pub fn traces<R: Rng + ?Sized>(&self, rng: &mut R) -> Result<Traces, EstimatorError> {
        let directions = self.probe.draw(rng);
        let mut made = Traces {
            drive_volt: Vec::new(),
            clean_na: Vec::new(),
            noise_na: Vec::new(),
            output_na: Vec::new(),
            directions,
            derivatives: Vec::new(),
        };
        for record in 0..self.probe.scheme().records() {
            let asked = self.probe.perturbation_volt(record, &made.directions, self.instrument.ramp_s);
            let drive_volt = self.instrument.applied(&self.operating_point_volt, asked);
            let clean_na = match self.probe.scheme() {
                Scheme::Fixed(_) => self.records[record].clean_na.clone(),
                Scheme::Random(measurement) => self.clean_under_directions(measurement, &made.directions)?,
            };
            let mut noise_na = vec![0.0; clean_na.len()];
            self.generator.add_to(rng, &mut CirculantScratch::default(), &mut noise_na);
            let convert = |y: f64| self.instrument.adc.map_or(y, |adc| adc.convert(y));
            made.output_na.push(clean_na.iter().zip(&noise_na).map(|(clean, noise)| convert(clean + noise)).collect());
            made.drive_volt.push(drive_volt);
            made.clean_na.push(clean_na);
            made.noise_na.push(noise_na);
        }
        made.derivatives = self.read(&made.output_na, &made.directions)?;
        Ok(made)
    }

    /// The derivatives that records of the output tell of \[nA/V, then nA/V² of second ones\]. A random estimator needs the directions in
    /// which the parameters were moved.
    ///
    /// # Errors
    /// If the number of records, of their samples or of the directions is not that of the estimator.
    pub fn read(&self, outputs_na: &[Vec<f64>], directions: &[f64]) -> Result<Vec<f64>, EstimatorError> {
        let scheme = self.probe.scheme();
        let is = |name, found: usize, needed: usize| {
            if found == needed {
                return Ok(());
            }
            Err(EstimatorError::setting(name, found, format!("this estimator has {needed}")))
        };
        is("number of records", outputs_na.len(), scheme.records())?;
        let needed = match scheme {
            Scheme::Fixed(_) => 0,
            Scheme::Random(measurement) => measurement.blocks.len() * measurement.parameters(),
        };
        is("number of directions", directions.len(), needed)?;
        let mut derivatives = vec![0.0; self.derivatives()];
        for (record, output_na) in outputs_na.iter().enumerate() {
            is("samples of a record", output_na.len(), scheme.samples())?;
            let mut readings = vec![0.0; self.probe.readings(record)];
            dot::project(self.probe.weights(record), output_na, &mut readings);
            self.probe.combine(record, &readings, directions, &mut derivatives);
        }
        Ok(derivatives)
    }
}

#[cfg(test)]
mod tests {
    use device::Polynomial;
    use noise::{NoiseModel, Spectrum};
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    use crate::differences::FiniteDifferences;
    use crate::hge::Hge;
    use crate::random::Spsa;
    use crate::{Estimator, Experiment};

    fn check(estimator: impl Estimator, records: usize) {
        let curve = Polynomial::new(20.0, vec![vec![60.0, 45.0, -110.0], vec![-5.0]], None).unwrap();
        let noise = NoiseModel::Gaussian(Spectrum::White(1e-5));
        let experiment = Experiment::on(curve).with(estimator).at(&[0.1, 0.0]).under(&noise).build().unwrap();
        let traces = experiment.traces(&mut Pcg64::seed_from_u64(1)).unwrap();
        let trial = experiment.trial(&mut Pcg64::seed_from_u64(1)).unwrap();
        assert_eq!(traces.output_na.len(), records);
        for (a, b) in traces.derivatives.iter().zip(&trial) {
            assert!((a - b).abs() < 1e-9 * b.abs(), "{a} {b}");
        }
        let (moved, at) = (&traces.drive_volt[0], [0.1, 0.0]);
        assert!((0..2).any(|m| moved.column(m).iter().any(|v| (v - at[m]).abs() > 1e-3)));
        let short = vec![vec![0.0; 3]; records];
        assert!(experiment.read(&short, &traces.directions).unwrap_err().to_string().contains("samples of a record"));
        assert!(experiment.read(&[], &traces.directions).is_err());
        let moved = experiment.moved_to(&[0.0, 0.2]).unwrap().moved_to(&[0.1, 0.0]).unwrap();
        assert_eq!(moved.trial(&mut Pcg64::seed_from_u64(1)).unwrap(), trial);
        assert_eq!(moved.exact().unwrap(), experiment.exact().unwrap());
    }

    /// A trial with the same random numbers, for a sine, for several records, and for random directions.
    #[test]
    fn what_is_read_from_traces_is_a_trial() {
        check(Hge::new(10_000.0, 0.1, 8e-3, vec![1000.0, 960.0]), 1);
        check(FiniteDifferences::new(10_000.0, 0.02, 8e-3), 2);
        check(Spsa { directions: 3, ..Spsa::new(10_000.0, 0.02, 8e-3) }, 1);
    }
}
