//! Builds an experiment from its parts.

use std::sync::Arc;

use device::Device;
use noise::{NoiseModel, RecordGenerator};
use rand::Rng;

use crate::{Estimator, EstimatorError, ExactErrors, Experiment, Instrument, Route, Workspace};

/// An experiment being set up: device, operating point, estimator, noise.
#[derive(Clone, Debug)]
pub struct Setup {
    device: Arc<dyn Device>,
    operating_point_volt: Option<Vec<f64>>,
    noise: NoiseModel,
    instrument: Option<Instrument>,
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

    /// With an instrument; default that of the estimator, which is ideal unless it says otherwise.
    #[must_use]
    pub fn through(mut self, instrument: Instrument) -> Self {
        self.setup.instrument = Some(instrument);
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
        let scheme = estimator.scheme(setup.device.as_ref(), &operating_point_volt)?;
        let instrument = match setup.instrument {
            Some(instrument) => instrument.checked(scheme.samples(), scheme.rate_hz())?,
            None => estimator.instrument().build(scheme.samples(), scheme.rate_hz())?,
        };
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
        Setup { device, operating_point_volt: None, noise: NoiseModel::None, instrument: None, route: None }
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
    use crate::Scheme;
    use crate::curve_fit::CurveFit;
    use crate::differences::FiniteDifferences;
    use crate::hge::Hge;
    use crate::instrument::InstrumentSettings;

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

    /// Settings bring their instrument along, unless another one is given.
    #[test]
    fn the_instrument_is_that_of_the_estimator_unless_another_is_given() {
        let slow = InstrumentSettings { hold_samples: 3, delay_samples: 7, ..InstrumentSettings::default() };
        let fd = |instrument| FiniteDifferences { instrument, ..FiniteDifferences::new(10_000.0, 0.02, 0.1) };
        let setup = |instrument| Experiment::on(curve()).at(&[0.1, 0.0]).with(fd(instrument));
        let bias = |setup: SetupWith<FiniteDifferences>| setup.build().unwrap().exact().unwrap().bias;
        let (ideal, seen_late) = (bias(setup(InstrumentSettings::default())), bias(setup(slow.clone())));
        assert!((ideal[0] - seen_late[0]).abs() > 0.1, "{ideal:?} {seen_late:?}");
        assert_eq!(bias(setup(slow).through(Instrument::default())), ideal);
        let late = Instrument { hold_samples: 3, delay_samples: 7, ..Instrument::default() };
        assert_eq!(bias(setup(InstrumentSettings::default()).through(late)), seen_late);
    }

    /// A cubic fitted to a cubic: no bias.
    #[test]
    fn curves_are_fitted_around_the_operating_point() {
        let fit = CurveFit { range_volt: Some([-0.6, 0.6]), ..CurveFit::new(10_000.0, 0.121, 121) };
        let experiment = Experiment::on(curve()).with(fit).at(&[0.3, 0.0]).build().unwrap();
        assert!(experiment.exact().unwrap().bias.iter().all(|bias| bias.abs() < 1e-9));
        let without_range = Experiment::on(curve()).with(CurveFit::new(10_000.0, 0.121, 121));
        let message = without_range.build().unwrap_err().to_string();
        assert!(message.contains("`range_volt` is missing, and the device has no ranges"), "{message}");
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
