//! One hop and the acceptors around it: flows averaged over all their joint occupations.

use crate::network::{Network, RateLaw};

/// Acceptors whose joint occupations are followed at a hop, those between which it leads included. The cost grows as its power of two.
pub(super) const FOLLOWED: usize = 12;

/// Hops between an acceptor and another, or all electrodes, and the acceptors followed there.
pub(super) struct Edge {
    /// An acceptor.
    pub from: usize,
    /// Another acceptor, or none for the electrodes.
    pub to: Option<usize>,
    /// The acceptors followed: `from`, then `to` if it is one, then those that repel holes on them most.
    pub members: Vec<usize>,
    /// Number of acceptors between which the hop leads.
    pub ends: usize,
}

impl Edge {
    pub(super) fn new(network: &Network, from: usize, to: Option<usize>) -> Self {
        let n = network.acceptors();
        let mut members = vec![from];
        members.extend(to);
        let ends = members.len();
        let felt = |k: usize| members.iter().map(|&end| network.coulomb_kt(end, k).powi(2)).sum::<f64>();
        let mut others: Vec<(f64, usize)> = (0..n).filter(|k| !members.contains(k)).map(|k| (felt(k), k)).collect();
        others.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        members.extend(others.into_iter().take(FOLLOWED - ends).map(|(_, k)| k));
        Self { from, to, members, ends }
    }
}

/// Place of the pair p ≤ q (or of p alone, with q = p) in a list of all pairs.
pub(super) fn place(p: usize, q: usize) -> usize {
    q * (q + 1) / 2 + p
}

/// One of the hops along an edge.
pub(super) struct Way {
    /// Energy difference with none of the other members occupied \[kT\].
    pub difference_kt: f64,
    /// ln of the rates without a barrier, there and back.
    pub log_prefactors: [f64; 2],
}

/// What determines the flows at an edge, by place among its members.
pub(super) struct Local {
    /// ln of the weight of a single hole is −`weights_kt[place(p, p)]`, of a pair of holes −`weights_kt[place(p, q)]` more.
    pub weights_kt: Vec<f64>,
    /// What a hole on each member adds to the energy differences \[kT\] (not used for the ends).
    pub added_kt: Vec<f64>,
    pub ways: Vec<Way>,
    pub law: RateLaw,
}

/// Flows along an edge away from its first member \[ν₀\]: first of all states, then of those in which each member but the ends holds a hole.
pub(super) struct Flow {
    /// Probabilities that a member, or both members of a pair, hold holes.
    pub holes: Vec<f64>,
    /// The same for those states in which the first member holds one as well.
    pub with_first: Vec<f64>,
    pub net: Vec<f64>,
    /// There plus back.
    pub gross: Vec<f64>,
    /// Derivatives of `net` with respect to all energy differences at once \[1/kT\].
    pub by_difference: Vec<f64>,
    /// Derivatives of `net` with respect to `weights_kt` \[1/kT\].
    pub by_weight: Vec<Vec<f64>>,
    /// Net flow by each way.
    pub by_way: Vec<f64>,
}

/// Logarithms of the probabilities of all joint occupations; bit p of an occupation is member p.
fn log_probabilities(weights_kt: &[f64], members: usize) -> Vec<f64> {
    let mut logs = vec![0.0; 1 << members];
    for last in 0..members {
        for rest in 0..1_usize << last {
            let felt: f64 = (0..last).filter(|p| rest >> p & 1 == 1).map(|p| weights_kt[place(p, last)]).sum();
            logs[rest | 1 << last] = logs[rest] - weights_kt[place(last, last)] - felt;
        }
    }
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total = most + logs.iter().map(|x| (x - most).exp()).sum::<f64>().ln();
    logs.iter_mut().for_each(|x| *x -= total);
    logs
}

/// Replaces the value of each occupation by the sum over all occupations that contain it.
fn sum_over_larger(values: &mut [f64]) {
    let mut bit = 1;
    while bit < values.len() {
        for block in values.chunks_exact_mut(2 * bit) {
            let (without, with) = block.split_at_mut(bit);
            without.iter_mut().zip(with).for_each(|(a, b)| *a += *b);
        }
        bit *= 2;
    }
}

/// The sums over occupations in which each member or pair holds holes, and the members `also` as well.
fn of_pairs(sums: &[f64], members: usize, also: usize) -> impl Iterator<Item = f64> + '_ {
    (0..members).flat_map(move |q| (0..=q).map(move |p| sums[1 << p | 1 << q | also]))
}

impl Flow {
    pub(super) fn new(edge: &Edge, local: &Local) -> Self {
        let (members, ends) = (edge.members.len(), edge.ends);
        let logs = log_probabilities(&local.weights_kt, members);
        let mut probabilities: Vec<f64> = logs.iter().map(|x| x.exp()).collect();
        sum_over_larger(&mut probabilities);
        // from each state, hops there count as negative, hops back as positive
        let mut flows = vec![0.0; logs.len()];
        let mut slopes = vec![0.0; logs.len() >> ends];
        let mut by_way = vec![0.0; local.ways.len()];
        for (others, slope) in slopes.iter_mut().enumerate() {
            let added: f64 = (ends..members).filter(|p| others >> (p - ends) & 1 == 1).map(|p| local.added_kt[p]).sum();
            let rest = others << ends;
            let (before, after) = (rest | 1, if ends == 2 { rest | 2 } else { rest });
            for (way, net) in local.ways.iter().zip(&mut by_way) {
                let d = way.difference_kt + added;
                let there = (logs[before] + way.log_prefactors[0] + local.law.log_factor(d)).exp();
                let back = (logs[after] + way.log_prefactors[1] + local.law.log_factor(-d)).exp();
                flows[before] -= there;
                flows[after] += back;
                *slope += there * local.law.log_slope(d) + back * local.law.log_slope(-d);
                *net += there - back;
            }
        }
        sum_over_larger(&mut flows);
        sum_over_larger(&mut slopes);
        let holes: Vec<f64> = of_pairs(&probabilities, members, 0).collect();
        let masks: Vec<usize> = std::iter::once(0).chain((ends..members).map(|p| 1 << p)).collect();
        let of_mask = |&mask: &usize| {
            let there = -flows[mask | 1];
            let back = if ends == 2 { flows[mask | 2] } else { (flows[mask] + there).max(0.0) };
            // the second term is the derivative of the normalization
            let by_weight = of_pairs(&flows, members, mask).zip(&holes).map(|(f, h)| f - flows[mask] * h).collect();
            (-flows[mask], there + back, slopes[mask >> ends], by_weight)
        };
        let mut flow = Self {
            with_first: of_pairs(&probabilities, members, 1).collect(),
            net: Vec::new(),
            gross: Vec::new(),
            by_difference: Vec::new(),
            by_weight: Vec::new(),
            by_way,
            holes: holes.clone(),
        };
        for (net, gross, slope, by_weight) in masks.iter().map(of_mask) {
            flow.net.push(net);
            flow.gross.push(gross);
            flow.by_difference.push(slope);
            flow.by_weight.push(by_weight);
        }
        flow
    }
}
