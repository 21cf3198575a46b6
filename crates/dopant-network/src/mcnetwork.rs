//! Device files of MCNetwork, the public program of Münster and Twente for hopping in boron-doped silicon: read, never written.
//!
//! A file holds positions in nm and energies in eV, line by line, after the outline and the names of the columns. Everything
//! else is a setting of that program; its defaults are taken, those of [`crate::Like::Mcnetwork`]. Its electrodes stand at
//! 0°, 45°, …, 315°.

use std::f64::consts::TAU;

use crate::description::{Description, Electrode};
use crate::error::NetworkError;
use crate::generate::{Generate, Like};

const OUTLINE: &str = "circle";
const ACCEPTORS: &str = "acceptors: posX, posY, randomEnergy";
const DONORS: &str = "donors: posX, posY";

/// Whether a file is one of MCNetwork.
pub(crate) fn begins(text: &str) -> bool {
    text.lines().next().is_some_and(|line| line.trim() == OUTLINE)
}

/// What a file describes.
///
/// # Errors
/// Names the line that cannot be read.
pub(crate) fn describe(text: &str) -> Result<Description, NetworkError> {
    let (mut acceptors, mut energies, mut donors) = (Vec::new(), Vec::new(), Vec::new());
    let mut list = None;
    for (number, line) in text.lines().enumerate().skip(1).map(|(n, line)| (n + 1, line.trim())) {
        match line {
            "" => {}
            ACCEPTORS | DONORS => list = Some(line),
            _ => match (list, numbers(line)?.as_slice()) {
                (Some(ACCEPTORS), &[x, y, energy]) => {
                    acceptors.push([x, y, 0.0]);
                    energies.push(energy);
                }
                (Some(DONORS), &[x, y]) => donors.push([x, y, 0.0]),
                _ => {
                    let what = format!(
                        "\"{line}\": must be \"{ACCEPTORS}\", three numbers for each, \"{DONORS}\", two for each"
                    );
                    return Err(NetworkError::entry(format!("line {number}"), what));
                }
            },
        }
    }
    let settings = Generate::like(Like::Mcnetwork);
    let like = Generate { acceptors: 1, donors: 0, ..settings.clone() }.describe()?;
    let electrodes = (0..settings.electrodes)
        .map(|k| TAU * k as f64 / settings.electrodes as f64)
        .map(|angle| Electrode {
            position_nm: [settings.radius_nm * angle.cos(), settings.radius_nm * angle.sin()],
            width_nm: like.electrodes[0].width_nm,
            voltage_volt: 0.0,
        })
        .collect();
    let name = format!("MCNetwork, {} acceptors, {} donors", acceptors.len(), donors.len());
    Ok(Description { name, acceptors, site_energies_ev: energies, donors, electrodes, ..like })
}

fn numbers(line: &str) -> Result<Vec<f64>, NetworkError> {
    let read = |word: &str| word.parse::<f64>().ok().filter(|x| x.is_finite());
    let numbers: Option<Vec<f64>> = line.split_whitespace().map(read).collect();
    numbers.ok_or_else(|| {
        NetworkError::entry("MCNetwork file", format!("has the line \"{line}\": must hold finite numbers"))
    })
}

#[cfg(test)]
mod tests {
    use crate::DopantNetwork;

    const FILE: &str = "circle\nacceptors: posX, posY, randomEnergy\n-16.8721 98.7374 0.0939358\n0 10 -0.05\n\ndonors: posX, posY\n38.6666 -106.238\n";

    #[test]
    fn a_file_is_read() {
        let device = DopantNetwork::from_text(FILE).unwrap();
        assert_eq!((device.acceptors.len(), device.donors.len(), device.electrodes.len()), (2, 1, 8));
        assert!((device.electrodes[2].1 - 60.0).abs() < 1e-12);
        let landscape = device.network.landscape(&[0.0; 8]);
        let mut energies = Vec::new();
        landscape.energies_kt(&[1].into_iter().collect(), &mut energies);
        // 144.0 kT nm / ε 10 … of a donor at 30.9 nm … by hand, from e²/4πε₀ = 1.44 eV nm and kT = 6.635 meV
        let kt_ev = 8.617_333_262e-5 * 77.0;
        let coulomb = 0.143_996_454_8 / kt_ev;
        let donor = (116.238_f64).hypot(38.6666);
        let expected = coulomb / donor - coulomb / (16.8721_f64).hypot(88.7374) - 0.05 / kt_ev;
        assert!((energies[1] - expected).abs() < 1e-9, "{} {expected}", energies[1]);
    }

    #[test]
    fn damaged_files_are_refused_with_their_line() {
        for (from, to, words) in [
            ("0 10 -0.05", "0 10", ["line 4", "three numbers"]),
            ("0 10 -0.05", "0 ten -0.05", ["0 ten -0.05", "finite"]),
            ("-16.8721 98.7374", "-160 98.7374", ["acceptors[0]", "outside"]),
        ] {
            let message = DopantNetwork::from_text(&FILE.replace(from, to)).unwrap_err().to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        }
    }
}
