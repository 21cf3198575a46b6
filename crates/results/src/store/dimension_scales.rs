//! Dimension scales through libhdf5's own high-level interface (H5DS).
//!
//! The `hdf5` crate does not wrap it and does not support the null-terminated fixed strings required for the scale's
//! `CLASS` attribute, so these calls are the only place outside hot loops where the project needs `unsafe`.
#![allow(unsafe_code, reason = "calls into libhdf5_hl; each block states why it is sound")]

use std::ffi::{CString, c_char, c_int, c_uint};

use hdf5::Dataset;
// linked for its `hl` feature, which adds libhdf5_hl
use hdf5_metno_sys::h5i::hid_t;

unsafe extern "C" {
    fn H5DSset_scale(dataset: hid_t, name: *const c_char) -> c_int;
    fn H5DSattach_scale(dataset: hid_t, scale: hid_t, axis: c_uint) -> c_int;
    fn H5DSis_scale(dataset: hid_t) -> c_int;
    fn H5DSis_attached(dataset: hid_t, scale: hid_t, axis: c_uint) -> c_int;
}

fn checked(status: c_int, what: &str) -> hdf5::Result<()> {
    if status < 0 { Err(hdf5::Error::from(format!("libhdf5 could not {what}"))) } else { Ok(()) }
}

/// Makes `dataset` a dimension scale called `name`.
pub(super) fn make(dataset: &Dataset, name: &str) -> hdf5::Result<()> {
    let name = CString::new(name).map_err(|_| hdf5::Error::from("a name holds a NUL character"))?;
    // SAFETY: the identifier is that of an open dataset, the name outlives the call, and the crate's lock is held.
    checked(hdf5::sync::sync(|| unsafe { H5DSset_scale(dataset.id(), name.as_ptr()) }), "make a dimension scale")
}

/// Attaches `scale` to dimension `axis` of `dataset`.
pub(super) fn attach(dataset: &Dataset, scale: &Dataset, axis: usize) -> hdf5::Result<()> {
    // SAFETY: both identifiers are those of open datasets of one file, and the crate's lock is held.
    let status = hdf5::sync::sync(|| unsafe { H5DSattach_scale(dataset.id(), scale.id(), axis as c_uint) });
    checked(status, "attach a dimension scale")
}

/// Whether `dataset` is a dimension scale.
pub(super) fn is_scale(dataset: &Dataset) -> bool {
    // SAFETY: the identifier is that of an open dataset, and the crate's lock is held.
    hdf5::sync::sync(|| unsafe { H5DSis_scale(dataset.id()) }) > 0
}

/// Whether `scale` is attached to dimension `axis` of `dataset`.
pub(super) fn is_attached(dataset: &Dataset, scale: &Dataset, axis: usize) -> bool {
    // SAFETY: both identifiers are those of open datasets of one file, and the crate's lock is held.
    hdf5::sync::sync(|| unsafe { H5DSis_attached(dataset.id(), scale.id(), axis as c_uint) }) > 0
}
