//! Bounds of hop rates, min(p_ij, q_ij x_i y_j), eight by eight sites at once.
//!
//! Sites that stand near each other share a block of eight. The pairs of two blocks are a tile; only tiles with frequent hops are kept,
//! so that the work at a site is that with its neighbours. Plain arrays, which the compiler vectorizes; every sum has a fixed order,
//! whatever the width of the machine's registers.

use crate::network::Network;

/// Sites of a block.
pub(super) const LANES: usize = 8;
/// One number for each site of a block.
pub(super) type Lanes = [f64; LANES];

/// Sum of the numbers of a block.
#[inline(always)]
pub(super) fn sum(a: &Lanes) -> f64 {
    ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]))
}

/// Compiled to one instruction, other than `f64::min`, which minds what is not a number.
#[inline(always)]
fn lesser(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// Lane at which the cumulated weights of a block exceed `rest`; the last one with a weight if rounding puts it beyond the end.
#[inline(always)]
pub(super) fn lane(weights: &Lanes, mut rest: f64) -> Option<usize> {
    let mut last = None;
    for (k, w) in weights.iter().enumerate() {
        if rest < *w {
            return Some(k);
        }
        rest -= w;
        if *w > 0.0 {
            last = Some(k);
        }
    }
    last
}

/// The order of a network's sites in blocks.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    /// The network's site at each place; `None` fills up the last block of acceptors and that of electrodes.
    sites: Vec<Option<u16>>,
    /// The place of each of the network's sites.
    pub(super) places: Vec<usize>,
}

impl Blocks {
    pub(super) fn new(network: &Network) -> Self {
        let mut acceptors = Vec::with_capacity(network.acceptors());
        // pair energies fall with distance
        let distance = |i: usize, j: usize| if i == j { 0.0 } else { 1.0 / network.coulomb_kt(i, j) };
        halve((0..network.acceptors()).collect(), &distance, &mut acceptors);
        let mut sites: Vec<Option<u16>> = acceptors.into_iter().map(|site| Some(site as u16)).collect();
        sites.resize(sites.len().next_multiple_of(LANES), None);
        sites.extend((network.acceptors()..network.sites()).map(|site| Some(site as u16)));
        sites.resize(sites.len().next_multiple_of(LANES), None);
        let mut places = vec![0; network.sites()];
        for (place, site) in sites.iter().enumerate() {
            if let Some(site) = site {
                places[usize::from(*site)] = place;
            }
        }
        Self { sites, places }
    }

    /// The network's site at a place that is not empty.
    #[inline(always)]
    pub(super) fn site(&self, place: usize) -> usize {
        self.sites[place].map_or(usize::MAX, usize::from)
    }

    pub(super) fn len(&self) -> usize {
        self.sites.len() / LANES
    }

    /// A number for each pair of places, 0 where one is empty; rows of whole blocks.
    pub(super) fn matrix(&self, entry: impl Fn(usize, usize) -> f64) -> Vec<Lanes> {
        let pair = |from: Option<u16>, to: Option<u16>| match (from, to) {
            (Some(from), Some(to)) => entry(usize::from(from), usize::from(to)),
            _ => 0.0,
        };
        let row = |from: &Option<u16>| {
            let from = *from;
            self.sites.chunks_exact(LANES).map(move |block| std::array::from_fn(|lane| pair(from, block[lane])))
        };
        self.sites.iter().flat_map(row).collect()
    }
}

/// Orders sites so that those near each other follow one another: half of them next to one of two sites far apart, and so on.
fn halve(mut sites: Vec<usize>, distance: &impl Fn(usize, usize) -> f64, ordered: &mut Vec<usize>) {
    if sites.len() <= LANES {
        ordered.append(&mut sites);
        return;
    }
    let farthest = |from: usize| {
        let far = |a: &&usize, b: &&usize| distance(from, **a).total_cmp(&distance(from, **b));
        sites.iter().max_by(far).copied().unwrap_or(from)
    };
    let first = farthest(sites[0]);
    let second = farthest(first);
    let nearer = |site: usize| distance(site, first) - distance(site, second);
    sites.sort_by(|&a, &b| nearer(a).total_cmp(&nearer(b)));
    let rest = sites.split_off((sites.len() / 2).next_multiple_of(LANES));
    halve(sites, distance, ordered);
    halve(rest, distance, ordered);
}

/// The pairs of two blocks.
#[derive(Clone, Debug)]
struct Tile {
    /// The block of the other sites.
    other: usize,
    /// p, a row for each site.
    plain: [Lanes; LANES],
    /// q.
    raised: [Lanes; LANES],
}

/// The tiles that are kept, and all other pairs.
#[derive(Clone, Debug)]
pub(super) struct Tiles {
    /// Where the tiles of each block begin; one more than there are blocks.
    starts: Vec<usize>,
    tiles: Vec<Tile>,
    /// Pairs of places in no tile.
    far: Vec<[u16; 2]>,
    /// p of these pairs, cumulated.
    cumulated: Vec<f64>,
}

impl Tiles {
    /// Keeps the tiles with the most frequent hops; those of all other pairs sum to at most `far`.
    pub(super) fn new(plain: &[Lanes], raised: &[Lanes], blocks: usize, far: f64) -> Self {
        let rows = |a: usize, b: usize| (0..LANES).map(move |row| (a * LANES + row) * blocks + b);
        let mut pairs: Vec<(f64, usize, usize)> = (0..blocks)
            .flat_map(|a| (a..blocks).map(move |b| (a, b)))
            .map(|(a, b)| (rows(a, b).map(|at| sum(&plain[at])).sum(), a, b))
            .collect();
        pairs.sort_by(|x, y| x.0.total_cmp(&y.0));
        let mut left_out = 0.0;
        let mut kept = vec![vec![false; blocks]; blocks];
        let mut tiles = Self { starts: vec![0], tiles: Vec::new(), far: Vec::new(), cumulated: Vec::new() };
        let mut cumulated = 0.0;
        for (rate, a, b) in pairs {
            left_out += rate;
            if left_out > far {
                (kept[a][b], kept[b][a]) = (true, true);
                continue;
            }
            for row in a * LANES..(a + 1) * LANES {
                for (other, p) in (b * LANES..).zip(&plain[row * blocks + b]) {
                    // a pair within one block stands twice in its tile
                    if *p > 0.0 && row < other {
                        cumulated += p;
                        tiles.far.push([row as u16, other as u16]);
                        tiles.cumulated.push(cumulated);
                    }
                }
            }
        }
        for a in 0..blocks {
            for b in (0..blocks).filter(|b| kept[a][*b]) {
                let tile = |of: &[Lanes]| std::array::from_fn(|row| of[(a * LANES + row) * blocks + b]);
                tiles.tiles.push(Tile { other: b, plain: tile(plain), raised: tile(raised) });
            }
            tiles.starts.push(tiles.tiles.len());
        }
        tiles
    }

    /// Whether a pair of places is in a tile.
    #[cfg(test)]
    pub(super) fn contains(&self, place: usize, other: usize) -> bool {
        self.of(place).any(|(block, ..)| block == other / LANES)
    }

    /// Sum of the rates between all pairs in no tile, were none of them uphill.
    #[inline(always)]
    pub(super) fn far_rate(&self) -> f64 {
        self.cumulated.last().copied().unwrap_or(0.0)
    }

    /// The pair in no tile at which the cumulated rates exceed `rest`.
    pub(super) fn far_pair(&self, rest: f64) -> [usize; 2] {
        let at = self.cumulated.partition_point(|c| *c <= rest).min(self.far.len() - 1);
        self.far[at].map(usize::from)
    }

    #[inline(always)]
    fn of(&self, place: usize) -> impl Iterator<Item = (usize, &Lanes, &Lanes)> {
        let (block, row) = (place / LANES, place % LANES);
        let tiles = &self.tiles[self.starts[block]..self.starts[block + 1]];
        tiles.iter().map(move |tile| (tile.other, &tile.plain[row], &tile.raised[row]))
    }

    /// Where the cumulated bounds between one site and all others exceed `rest`.
    #[inline(always)]
    pub(super) fn choose(&self, place: usize, own: f64, others: &[Lanes], mut rest: f64) -> Option<usize> {
        for (block, plain, raised) in self.of(place) {
            let y = &others[block];
            let rates: Lanes = std::array::from_fn(|k| lesser(raised[k] * own * y[k], plain[k]));
            let all = sum(&rates);
            if rest < all {
                return lane(&rates, rest).map(|lane| block * LANES + lane);
            }
            rest -= all;
        }
        None
    }

    /// Sum of the bounds between one site and all others.
    #[inline(always)]
    pub(super) fn row_sum(&self, place: usize, own: f64, others: &[Lanes]) -> f64 {
        let mut sums = [0.0; LANES];
        for (block, plain, raised) in self.of(place) {
            let y = &others[block];
            for k in 0..LANES {
                sums[k] += lesser(raised[k] * own * y[k], plain[k]);
            }
        }
        sum(&sums)
    }

    /// Updates the sums of all others after a change of one site's factor; returns a bit for each block with changed sums.
    #[inline(always)]
    pub(super) fn change_row(
        &self,
        place: usize,
        sums: &mut [Lanes],
        others: &[Lanes],
        before: f64,
        after: f64,
    ) -> u64 {
        let mut changed = 0;
        for (block, plain, raised) in self.of(place) {
            let (y, sums) = (&others[block], &mut sums[block]);
            for k in 0..LANES {
                let open = raised[k] * y[k];
                let new = sums[k] + (lesser(open * after, plain[k]) - lesser(open * before, plain[k]));
                sums[k] = if new > 0.0 { new } else { 0.0 };
            }
            changed |= 1 << block;
        }
        changed
    }
}
