//! Round-trip samples of one direction and what is derived of them (spec 7.3, 6.3).

/// All samples, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    pub all: Vec<i64>,
}

impl Samples {
    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn min(&self) -> Option<i64> {
        self.all.iter().copied().min()
    }

    pub(crate) fn max(&self) -> Option<i64> {
        self.all.iter().copied().max()
    }

    pub(crate) fn first(&self) -> Option<i64> {
        self.all.first().copied()
    }

    /// None without samples.
    pub(crate) fn mean(&self) -> Option<f64> {
        let sum: i128 = self.all.iter().map(|sample| i128::from(*sample)).sum();
        let count = self.all.len();
        (count > 0).then(|| sum as f64 / count as f64)
    }

    /// None below two samples.
    pub(crate) fn deviation(&self) -> Option<f64> {
        deviation(&self.all)
    }
}

/// sqrt((n·Σx² − (Σx)²) / (n(n − 1))), none below two samples.
///
/// The deviation does not change if all samples are shifted; less the least of them they are small
/// enough for 128 bits unless the time stamps are absurd.
fn deviation(samples: &[i64]) -> Option<f64> {
    if samples.len() < 2 {
        return None;
    }
    let least = samples.iter().copied().min()?;
    let shifted = || {
        samples
            .iter()
            .map(|sample| i128::from(*sample) - i128::from(least))
    };
    let count = i128::try_from(samples.len()).ok()?;
    let pairs = (count * (count - 1)) as f64;
    let sum: i128 = shifted().sum();
    let exact = shifted()
        .try_fold(0i128, |total, x| total.checked_add(x.checked_mul(x)?))
        .and_then(|squares| squares.checked_mul(count))
        .zip(sum.checked_mul(sum))
        .map(|(squares, square)| (squares - square) as f64);
    let mean = sum as f64 / count as f64;
    let numerator = exact.unwrap_or_else(|| {
        shifted().map(|x| (x as f64 - mean).powi(2)).sum::<f64>() * count as f64
    });
    Some((numerator / pairs).sqrt())
}

/// What the samples so far say when a segment is classified (spec 6.3).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Estimates {
    pub both_have_samples: bool,
    pub mean: f64,
    pub rto: f64,
    pub rtt: i64,
}

/// `mean`, RTO and RTT of spec 6.3.
pub(crate) fn estimates(me: &Samples, peer: &Samples) -> Estimates {
    let mean = me.mean().unwrap_or(0.0) + peer.mean().unwrap_or(0.0);
    let Some((me_min, peer_min)) = me.min().zip(peer.min()) else {
        return Estimates {
            both_have_samples: false,
            mean,
            rto: 500e6,
            rtt: 5_000_000,
        };
    };
    let pooled: Vec<i64> = me.all.iter().chain(&peer.all).copied().collect();
    let deviation = deviation(&pooled).unwrap_or(0.0);
    Estimates {
        both_have_samples: true,
        mean,
        rto: (mean + 4.0 * deviation).max(100e6),
        rtt: me_min.saturating_add(peer_min).max(1_000_000),
    }
}
