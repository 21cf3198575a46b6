//! Consecutive elements of a row-major array as boxes, the form of an HDF5 selection.

/// Offset and extent along each dimension.
pub(super) type Slab = (Vec<usize>, Vec<usize>);

/// Boxes that together cover the `count` elements from `start` on, in order; at most 2d − 1 for d dimensions.
pub(super) fn boxes(shape: &[usize], start: usize, count: usize) -> Vec<Slab> {
    let mut out = Vec::new();
    let (mut at, end) = (start, start + count);
    while at < end {
        // the largest block of whole inner dimensions that begins here and fits
        let mut axis = shape.len().saturating_sub(1);
        let mut inner = 1;
        while axis > 0 && at.is_multiple_of(inner * shape[axis]) && end - at >= inner * shape[axis] {
            inner *= shape[axis];
            axis -= 1;
        }
        let mut offset = vec![0; shape.len()];
        let mut rest = at;
        for (o, n) in offset.iter_mut().zip(shape).rev() {
            *o = rest % n;
            rest /= n;
        }
        let mut extent: Vec<usize> = (0..shape.len()).map(|k| if k > axis { shape[k] } else { 1 }).collect();
        if let (Some(extent), Some(length)) = (extent.get_mut(axis), shape.get(axis)) {
            *extent = ((end - at) / inner).min(length - offset[axis]);
            at += *extent * inner;
        } else {
            at += 1;
        }
        out.push((offset, extent));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::boxes;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn boxes_cover_a_run_once_and_in_order(
            shape in prop::collection::vec(1_usize..6, 1..5), a in 0.0_f64..1.0, b in 0.0_f64..1.0,
        ) {
            let total: usize = shape.iter().product();
            let (from, to) = ((a.min(b) * total as f64) as usize, (a.max(b) * total as f64) as usize);
            let mut covered = Vec::new();
            let boxes = boxes(&shape, from, to - from);
            prop_assert!(boxes.len() < 2 * shape.len() || boxes.is_empty());
            for (offset, extent) in boxes {
                let count: usize = extent.iter().product();
                for k in 0..count {
                    let mut rest = k;
                    let mut index = vec![0; shape.len()];
                    for d in (0..shape.len()).rev() {
                        index[d] = offset[d] + rest % extent[d];
                        rest /= extent[d];
                    }
                    covered.push(index.iter().zip(&shape).fold(0, |flat, (i, n)| flat * n + i));
                }
            }
            prop_assert_eq!(covered, (from..to).collect::<Vec<_>>());
        }
    }
}
