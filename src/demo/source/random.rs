//! A small generator whose numbers are the same on every machine: SplitMix64
//! (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).

/// Numbers, words and moments for rows that are the same on every machine: the demo's, and the benchmarks'.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// From this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// All 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 ≤ n < `end`.
    pub fn below(&mut self, end: i64) -> i64 {
        (self.draw() >> 1).cast_signed() % end.max(1)
    }

    /// An id from 1 to `count`, as SQLite's signed integer.
    pub fn id(&mut self, count: i64) -> i64 {
        self.below(count) + 1
    }

    /// True once in `n`.
    pub fn one_in(&mut self, n: i64) -> bool {
        self.below(n) == 0
    }

    /// One of them.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let index = usize::try_from(self.draw() >> 1).unwrap_or_default();
        from[index % from.len()]
    }

    /// So many bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        std::iter::repeat_with(|| self.draw().to_le_bytes()).flatten().take(count).collect()
    }

    /// So many hexadecimal digits.
    pub fn hex(&mut self, digits: usize) -> String {
        let mut text: String = (0..digits.div_ceil(16).max(2)).map(|_| format!("{:016x}", self.draw())).collect();
        text.truncate(digits);
        text
    }

    /// From `least` to `most` words, some of them not ASCII.
    pub fn words(&mut self, least: i64, most: i64) -> String {
        let count = least + self.below(most - least + 1);
        (0..count).map(|_| self.pick(WORDS)).collect::<Vec<_>>().join(" ")
    }

    /// A moment of 2023 or 2024 as Django writes it: no fraction where it is zero.
    pub fn moment(&mut self) -> String {
        let second = self.below(63_000_000);
        let micros = if self.one_in(16) { 0 } else { self.below(1_000_000) };
        moment(second * 1_000_000 + micros)
    }
}

/// So many microseconds after the start of 2023 as Django writes them: no fraction where it is zero.
#[must_use]
pub fn moment(micros: i64) -> String {
    let instant = jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_micros(START * 1_000_000 + micros);
    let civil = jiff::tz::TimeZone::UTC.to_datetime(instant);
    let whole = civil.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let fraction = micros % 1_000_000;
    if fraction == 0 { whole } else { format!("{whole}.{fraction:06}") }
}

/// 2023-01-01T00:00:00Z in seconds since 1970.
const START: i64 = 1_672_531_200;

const WORDS: &[&str] = &[
    "CPU",
    "загрузка",
    "disk",
    "延迟过高",
    "latency",
    "node",
    "ошибка",
    "pod",
    "kube-system",
    "Größe",
    "überlastet",
    "🔥",
    "prometheus",
    "queue",
    "échec",
    "timeout",
    "replica",
    "lag",
    "http_5xx",
    "\"quoted\"",
    "back\\slash",
    "tab\there",
    "OOMKilled",
    "网络",
    "β-version",
    "SLO",
    "burn-rate",
];
