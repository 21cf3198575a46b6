//! The neural surrogate of a real device, where it is at hand.

use device::{Activation, Device, NeuralSurrogate};
use ndarray::Array2;
use tests::{root, shared};

tests::needs!(
    dnpu_surrogate,
    #[test]
    fn a_real_devices_surrogate_equals_numpy() {
        let folder = shared("dnpu_surrogate");
        let device =
            NeuralSurrogate::from_npz(&folder.join("skynet_checkpoint3000.npz"), Activation::Relu).expect("readable");
        assert_eq!((device.parameters(), device.outputs()), (7, 1));
        let mut reader = csv::Reader::from_path(folder.join("check_points.csv")).expect("readable");
        let mut rows = 0;
        for record in reader.records() {
            let numbers: Vec<f64> =
                record.expect("a row").iter().map(|x| x.trim().parse().expect("a number")).collect();
            let (volts, current) = numbers.split_at(7);
            let point = Array2::from_shape_fn((1, 7), |(_, m)| volts[m]);
            let ours = device::currents_na(&device, point.view()).expect("evaluated")[0];
            assert!((ours - current[0]).abs() < 1e-4, "{ours} nA, NumPy {} nA", current[0]);
            rows += 1;
        }
        assert_eq!(rows, 32);
    }
);

#[test]
fn the_shipped_surrogate_has_gradients_of_the_size_its_script_says() {
    let path = root().join("scenarios/devices/small_surrogate.npz");
    let device = NeuralSurrogate::from_npz(&path, Activation::Tanh).expect("readable");
    let gradient = device.gradient(&[0.0; 7]).expect("it is found").expect("it is known");
    assert!(gradient.iter().all(|g| g.abs() < 200.0) && gradient.iter().any(|g| g.abs() > 10.0), "{gradient}");
}
