//! Builds an experiment from its parts.

use std::sync::Arc;

use device::Device;
use noise::{NoiseModel, RecordGenerator};
use rand::Rng;

use crate::curve_fit::CurveFit;
use crate::differences::FiniteDifferences;
use crate::hge::Hge;
use crate::random::{RandomCode, Spsa};
use crate::walsh::Walsh;
use crate::{EstimatorError, ExactErrors, Experiment, Instrument, Route, Scheme, Workspace};

/// An estimator: defines the perturbation and the readout.
pub trait Estimator {
    /// The scheme for `parameters` derivatives.
    ///
    /// # Errors
    /// If a setting is out of range.
    fn scheme(&self, parameters: usize) -> Result<Scheme, EstimatorError>;
}

impl Estimator for Hge {
    fn scheme(&self, parameters: usize) -> Result<Scheme, EstimatorError> {
        self.build(parameters).map(Scheme::Fixed)
    }
}

impl Estimator for FiniteDifferences {
    fn scheme(&self, parameters: usize) -> Result<Scheme, EstimatorError> {
        self.build(parameters).map(Scheme::Fixed)
    }
}

impl Estimator for Walsh {
    fn scheme(&self, parameters: usize) -> Result<Scheme, EstimatorError> {
        self.build(parameters).map(Scheme::Fixed)
    }
}

impl Estimator for CurveFit {
    fn scheme(&self, _parameters: usize) -> Result<Scheme, EstimatorError> {
        self.build().map(Scheme::Fixed)
    }
}

impl Estimator for Spsa {
    fn scheme(&self, parameters: usize) -> Result<Scheme, EstimatorError> {
        self.build(parameters).map(Scheme::Random)
    }
}

impl Estimator for RandomCode {
    fn scheme(&self, parameters: usize) -> Result<Scheme, EstimatorError> {
        self.build(parameters).map(Scheme::Random)
    }
}

impl Estimator for Scheme {
    fn scheme(&self, _parameters: usize) -> Result<Scheme, EstimatorError> {
        Ok(self.clone())
    }
}

/// An experiment being set up: device, operating point, estimator, noise.
#[derive(Clone, Debug)]
pub struct Setup {
    device: Arc<dyn Device>,
    operating_point_volt: Option<Vec<f64>>,
    noise: NoiseModel,
    instrument: Instrument,
    route: Option<Route>,
}

/// A [`Setup`] with an estimator.
#[derive(Clone, Debug)]
pub struct SetupWith<E> {
    setup: Setup,
    estimator: E,
}

impl Setup {
    /// With an estimator.
    #[must_use]
    pub fn with<E: Estimator>(self, estimator: E) -> SetupWith<E> {
        SetupWith { setup: self, estimator }
    }

    /// Operating point \[V\]; by default that of the device, the middle of its ranges, or zero.
    #[must_use]
    pub fn at(mut self, operating_point_volt: &[f64]) -> Self {
        self.operating_point_volt = Some(operating_point_volt.to_vec());
        self
    }
}

impl<E: Estimator> SetupWith<E> {
    /// Operating point \[V\]; by default that of the device, the middle of its ranges, or zero.
    #[must_use]
    pub fn at(mut self, operating_point_volt: &[f64]) -> Self {
        self.setup.operating_point_volt = Some(operating_point_volt.to_vec());
        self
    }

    /// With noise; default none.
    #[must_use]
    pub fn under(mut self, noise: &NoiseModel) -> Self {
        self.setup.noise = noise.clone();
        self
    }

    /// With an instrument; default an ideal one.
    #[must_use]
    pub fn through(mut self, instrument: Instrument) -> Self {
        self.setup.instrument = instrument;
        self
    }

    /// With a given route; default [`Route::Weights`], which works for every noise and instrument.
    #[must_use]
    pub fn by(mut self, route: Route) -> Self {
        self.setup.route = Some(route);
        self
    }

    /// The complete experiment. Sampling rate and length of the noise are those of the estimator.
    ///
    /// # Errors
    /// If a setting is out of range, the device cannot be evaluated, or the noise or the route is not possible.
    pub fn build(self) -> Result<Experiment, EstimatorError> {
        let Self { setup, estimator } = self;
        device::check_single_output(setup.device.as_ref())?;
        let operating_point_volt =
            device::operating_point_volt(setup.device.as_ref(), setup.operating_point_volt.as_deref())?;
        let scheme = estimator.scheme(setup.device.parameters())?;
        let instrument = setup.instrument.checked(scheme.samples(), scheme.rate_hz())?;
        let generator = RecordGenerator::new(&setup.noise, scheme.rate_hz(), scheme.samples())?;
        let route = setup.route.unwrap_or(Route::Weights);
        let is_gaussian = setup.noise.is_gaussian();
        let Setup { device, .. } = setup;
        Experiment::new(scheme, device, operating_point_volt, instrument, Arc::new(generator), is_gaussian, route)
    }
}

impl Experiment {
    /// Starts setting up an experiment on a device.
    ///
    /// ```
    /// use device::Linear;
    /// use estimators::Experiment;
    /// use estimators::hge::Hge;
    /// use noise::PowerLaw;
    ///
    /// let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent: 1.5, corner_hz: 0.1 };
    /// let hge = Hge::new(10_000.0, 0.1, 8e-3, vec![1000.0]);
    /// let experiment = Experiment::on(Linear::new(vec![60.0], 0.0)?).with(hge).under(&law.noise()?).build()?;
    /// assert!((experiment.exact()?.variance[0] - 3.4783).abs() < 1e-4); // (nA/V)²
    /// # Ok::<(), estimators::EstimatorError>(())
    /// ```
    pub fn on(device: impl Device + 'static) -> Setup {
        Self::on_shared(Arc::new(device))
    }

    /// The same, on a shared device.
    #[must_use]
    pub fn on_shared(device: Arc<dyn Device>) -> Setup {
        Setup {
            device,
            operating_point_volt: None,
            noise: NoiseModel::None,
            instrument: Instrument::default(),
            route: None,
        }
    }

    /// The exact derivatives of the device; NaN where unknown \[nA/V, then nA/V² for second derivatives\].
    ///
    /// # Errors
    /// If the device cannot compute them at the operating point.
    pub fn truth(&self) -> Result<Vec<f64>, EstimatorError> {
        let parameters = self.device.parameters();
        let unknown = || vec![f64::NAN; parameters];
        let gradient = self.device.gradient(&self.operating_point_volt)?;
        let mut truth = gradient.map_or_else(unknown, |g| g.row(0).to_vec());
        if self.derivatives() > parameters {
            let curvature = self.device.curvature(&self.operating_point_volt)?;
            truth.extend(curvature.map_or_else(unknown, |c| c.row(0).to_vec()));
        }
        Ok(truth)
    }

    /// Exact bias and variance of one estimate, relative to the exact derivatives of the device.
    ///
    /// # Errors
    /// As [`Experiment::exact_against`] and [`Experiment::truth`].
    pub fn exact(&self) -> Result<ExactErrors, EstimatorError> {
        self.exact_against(&self.truth()?)
    }

    /// One measurement with new noise: the estimate of each derivative \[nA/V, then nA/V² for second derivatives\].
    /// [`Experiment::trial_into`] reuses buffers for many measurements.
    ///
    /// # Errors
    /// If the device cannot be evaluated at a random perturbation.
    pub fn trial<R: Rng + ?Sized>(&self, rng: &mut R) -> Result<Vec<f64>, EstimatorError> {
        let mut derivatives = vec![0.0; self.derivatives()];
        self.trial_into(rng, &mut Workspace::default(), &mut derivatives)?;
        Ok(derivatives)
    }
}

#[cfg(test)]
mod tests {
    use device::Polynomial;
    use noise::{NoiseModel, Spectrum};
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    use super::*;

    fn curve() -> Polynomial {
        Polynomial::new(20.0, vec![vec![60.0, 45.0, -110.0], vec![-5.0]], None).unwrap()
    }

    /// Bit-identical to an experiment set up by hand: rate, length and gradient are those of the parts.
    #[test]
    fn an_experiment_from_its_parts_is_that_by_hand() {
        let hge = Hge::new(10_000.0, 0.1, 8e-3, vec![1000.0, 960.0]);
        let noise = NoiseModel::Gaussian(Spectrum::White(1e-5));
        let built = Experiment::on(curve()).with(hge.clone()).at(&[0.1, 0.0]).under(&noise).build().unwrap();
        let by_hand = Experiment::new(
            Scheme::Fixed(hge.build(2).unwrap()),
            Arc::new(curve()),
            vec![0.1, 0.0],
            Instrument::default(),
            Arc::new(RecordGenerator::new(&noise, 10_000.0, 1000).unwrap()),
            true,
            Route::Weights,
        )
        .unwrap();
        let truth = curve().gradient(&[0.1, 0.0]).unwrap().unwrap().row(0).to_vec();
        assert_eq!(built.exact().unwrap(), by_hand.exact_against(&truth).unwrap());
        let (mut workspace, mut estimate) = (Workspace::default(), vec![0.0; 2]);
        by_hand.trial_into(&mut Pcg64::seed_from_u64(1), &mut workspace, &mut estimate).unwrap();
        assert_eq!(built.trial(&mut Pcg64::seed_from_u64(1)).unwrap(), estimate);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let hge = |frequencies_hz| Hge::new(10_000.0, 0.1, 8e-3, frequencies_hz);
        let message = |setup: SetupWith<Hge>| setup.build().unwrap_err().to_string();
        let short = Experiment::on(curve()).with(hge(vec![1000.0, 960.0])).at(&[0.1]);
        assert!(message(short).contains("the device has 2 parameters, but 1 values"));
        assert!(message(Experiment::on(curve()).with(hge(vec![1000.0]))).contains("one for each of the 2 parameters"));
        let fast = Experiment::on(curve()).with(hge(vec![6000.0, 960.0]));
        assert!(message(fast).contains("6000 Hz for parameter 1"));
    }
}
