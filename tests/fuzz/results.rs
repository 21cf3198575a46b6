//! Results files that are sound HDF5 and yet not what the program wrote: parts renamed, lost, exchanged, numbers replaced.

use hdf5::File;
use rand::RngExt;
use rand_pcg::Pcg64;

use crate::damage;

const CHECKSUM: &[u8] = b"\nhomodyne checksum: ";

/// Takes away the line behind the HDF5 file.
pub(crate) fn strip_checksum(content: &mut Vec<u8>) {
    if let Some(at) = content.windows(CHECKSUM.len()).rposition(|w| w == CHECKSUM) {
        content.truncate(at);
    }
}

/// Changes what a results file holds, as somebody might by h5py, in one way, and says which.
pub(crate) fn rearrange(random: &mut Pcg64, content: &mut Vec<u8>) -> String {
    let attempt = |random: &mut Pcg64, content: &mut Vec<u8>| -> Result<String, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("results.h5");
        std::fs::write(&path, &*content)?;
        let file = File::open_rw(&path)?;
        let said = change(random, &file)?;
        file.close()?;
        *content = std::fs::read(&path)?;
        Ok(said)
    };
    attempt(random, content)
        .unwrap_or_else(|e| format!("nothing: {}", e.to_string().lines().next().unwrap_or_default()))
}

fn change(random: &mut Pcg64, file: &File) -> hdf5::Result<String> {
    let mut names = file.member_names()?;
    names.sort();
    let one = names[random.random_range(0..names.len())].clone();
    let other = names[random.random_range(0..names.len())].clone();
    match random.random_range(0..6) {
        0 => {
            file.unlink(&one)?;
            Ok(format!("`{one}` lost"))
        }
        1 => {
            file.relink(&one, &format!("{one}x"))?;
            Ok(format!("`{one}` renamed"))
        }
        2 if one != other => {
            file.relink(&one, "between")?;
            file.relink(&other, &one)?;
            file.relink("between", &other)?;
            Ok(format!("`{one}` and `{other}` exchanged"))
        }
        3 => {
            let mut attributes = file.attr_names()?;
            attributes.sort();
            let name = attributes[random.random_range(0..attributes.len())].clone();
            file.delete_attr(&name)?;
            let text = damage::one_of(random, &["", "[figure]\nparameter = 99", "{}", "nonsense", "-1"]);
            let text: hdf5::types::VarLenUnicode = text.parse().map_err(|_| hdf5::Error::from("no text"))?;
            if random.random_bool(0.7) {
                file.new_attr::<hdf5::types::VarLenUnicode>().create(name.as_str())?.write_scalar(&text)?;
            }
            Ok(format!("attribute `{name}` lost or {:?}", text.as_str()))
        }
        _ => {
            let dataset = file.dataset(&one)?;
            let mut values = dataset.read_raw::<f64>()?;
            let odd = [f64::NAN, f64::INFINITY, 0.0, -1.0, 1e300, -1e300, 1e-300, 5e-324];
            let value = odd[random.random_range(0..odd.len())];
            let all = random.random_bool(0.5);
            let count = values.len();
            for (k, x) in values.iter_mut().enumerate() {
                if all || k % 3 == 0 || k + 1 == count {
                    *x = value;
                }
            }
            dataset.write_raw(&values)?;
            Ok(format!("{} of `{one}` are {value}", if all { "all numbers" } else { "a third of the numbers" }))
        }
    }
}
