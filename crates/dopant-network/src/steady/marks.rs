//! Which entries of a row of the elimination are not zero.

/// Positions of a row that are not zero: a bit for each, and a bit for each 64 of them, so that a nearly empty row is passed quickly.
pub(super) struct Marks {
    bits: Vec<u64>,
    words: Vec<u64>,
    /// No word before it is marked.
    first: usize,
}

impl Marks {
    pub(super) fn new(n: usize) -> Self {
        let words = n.div_ceil(64);
        Self { bits: vec![0; words], words: vec![0; words.div_ceil(64)], first: 0 }
    }

    pub(super) fn insert(&mut self, at: usize) {
        let word = at / 64;
        self.bits[word] |= 1 << (at % 64);
        self.words[word / 64] |= 1 << (word % 64);
        self.first = self.first.min(word / 64);
    }

    pub(super) fn remove(&mut self, at: usize) {
        let word = at / 64;
        self.bits[word] &= !(1 << (at % 64));
        if self.bits[word] == 0 {
            self.words[word / 64] &= !(1 << (word % 64));
        }
    }

    /// The lowest marked position.
    pub(super) fn first(&mut self) -> Option<usize> {
        while self.first < self.words.len() {
            let words = self.words[self.first];
            if words != 0 {
                let word = 64 * self.first + words.trailing_zeros() as usize;
                return Some(64 * word + self.bits[word].trailing_zeros() as usize);
            }
            self.first += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_out_in_order_and_once() {
        let mut marks = Marks::new(10_000);
        for at in [9_999, 4_096, 63, 64, 4_095, 64] {
            marks.insert(at);
        }
        let mut found = Vec::new();
        while let Some(at) = marks.first() {
            marks.remove(at);
            found.push(at);
            if at == 64 {
                // what elimination adds lies further on
                marks.insert(5_000);
            }
        }
        assert_eq!(found, [63, 64, 4_095, 4_096, 5_000, 9_999]);
        // the next row begins before the end of this one
        marks.insert(7);
        assert_eq!(marks.first(), Some(7));
    }
}
