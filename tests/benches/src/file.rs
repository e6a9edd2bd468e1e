//! The files of a table, each made from its number alone, so that a log of any size needs no memory: paths and statistics
//! as common writers make them.

use std::fmt::{self, Write};

/// The moment of the first file, in milliseconds since the epoch.
pub const EPOCH_MS: i64 = 1_700_000_000_000;

/// Columns with statistics, in the schema's order, with their types.
pub const COLUMNS: [(&str, &str); 10] = [
    ("order_id", "long"),
    ("event_time", "timestamp"),
    ("user_id", "long"),
    ("amount", "double"),
    ("category", "string"),
    ("product_name", "string"),
    ("latitude", "double"),
    ("longitude", "double"),
    ("status", "string"),
    ("quantity", "integer"),
];

/// Months and days of the dates repeat with these numbers.
const MONTHS: u64 = 12;
const DAYS: u64 = 28;
/// Different dates: after so many numbers they repeat.
pub const DATES: u64 = 84;
const REGIONS: [&str; 6] = ["us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2", "sa-east-1"];
const WORDS: [&str; 8] = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel"];
/// 2024-01-01, in days since 1970.
const YEAR_START_DAYS: u64 = 19_723;
/// Days of 2024 before each month.
const DAYS_BEFORE: [u64; 12] = [0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335];
const HOUR_MICROS: i64 = 60 * 60 * 1_000_000;

/// A day of 2024.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    month: u64,
    day: u64,
}

impl Date {
    /// The date of the file with this number.
    pub const fn of(number: u64) -> Self {
        Self { month: number % MONTHS, day: number % DAYS }
    }

    /// Days since 1970.
    pub fn days(self) -> u64 {
        let before = usize::try_from(self.month).ok().and_then(|month| DAYS_BEFORE.get(month));
        YEAR_START_DAYS + before.copied().unwrap_or_default() + self.day
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "2024-{:02}-{:02}", self.month + 1, self.day + 1)
    }
}

/// A data file that the log tells of; no such file is written.
#[derive(Debug, Clone)]
pub struct File {
    /// Its number.
    pub number: u64,
    /// The partition value `date`.
    pub date: Date,
    /// The partition value `region`.
    pub region: &'static str,
    /// Its size in bytes.
    pub size: i64,
    /// When it was written, in milliseconds since the epoch.
    pub modified: i64,
    /// What the name tells it by.
    id: [u64; 2],
    /// Its statistics.
    pub stats: Stats,
}

/// What is known of a file's rows.
#[derive(Debug, Clone)]
pub struct Stats {
    /// How many rows.
    pub records: i64,
    /// The least values.
    pub low: Bounds,
    /// The greatest values.
    pub high: Bounds,
    /// How many nulls each of the columns has.
    pub nulls: [i64; 10],
}

/// One value of each column.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// A number that grows from file to file.
    pub order_id: i64,
    /// The hour of the date.
    hour: i64,
    /// The moment, in microseconds since the epoch.
    pub event_time: i64,
    /// A number.
    pub user_id: i64,
    /// An amount of two places.
    pub amount: f64,
    /// A word.
    pub category: &'static str,
    /// Two words.
    pub product_name: [&'static str; 2],
    /// Six places.
    pub latitude: f64,
    /// Six places.
    pub longitude: f64,
    /// One of two words.
    pub status: &'static str,
    /// A small number.
    pub quantity: i32,
}

impl File {
    /// The file with this number.
    pub fn new(number: u64) -> Self {
        let mut chance = Chance(number.wrapping_mul(0xA076_1D64_78BD_642F));
        let date = Date::of(number);
        Self {
            number,
            date,
            region: pick(&REGIONS, number),
            size: 1_000_000 + chance.below(500_000_000),
            modified: EPOCH_MS.saturating_add_unsigned(number * 10),
            id: [chance.next(), chance.next()],
            stats: Stats::of(number, date, &mut chance),
        }
    }

    /// Its path, as the log has it.
    pub fn write_path(&self, partitioned: bool, out: &mut String) -> fmt::Result {
        if partitioned {
            write!(out, "date={}/region={}/", self.date, self.region)?;
        }
        let [high, low] = self.id;
        write!(
            out,
            "part-{:05}-{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}.c000.snappy.parquet",
            self.number % 200,
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        )
    }

    /// Its statistics as the log's JSON. No text in them needs an escape.
    pub fn write_stats(&self, out: &mut String) -> fmt::Result {
        let Stats { records, low, high, nulls } = &self.stats;
        write!(out, "{{\"numRecords\":{records},\"minValues\":")?;
        low.write(self.date, "00:00.000Z", out)?;
        out.push_str(",\"maxValues\":");
        high.write(self.date, "59:59.999Z", out)?;
        out.push_str(",\"nullCount\":");
        let mut before = '{';
        for ((name, _), nulls) in COLUMNS.iter().zip(nulls) {
            write!(out, "{before}\"{name}\":{nulls}")?;
            before = ',';
        }
        out.push_str("}}");
        Ok(())
    }

    /// Its partition values as the log's JSON.
    pub fn write_partition_values(&self, partitioned: bool, out: &mut String) -> fmt::Result {
        match partitioned {
            true => write!(out, "{{\"date\":\"{}\",\"region\":\"{}\"}}", self.date, self.region),
            false => out.write_str("{}"),
        }
    }
}

impl Stats {
    fn of(number: u64, date: Date, chance: &mut Chance) -> Self {
        let order_id = i64::try_from(number).unwrap_or_default() * 10_000 + chance.below(9_999);
        let midnight = i64::try_from(date.days()).unwrap_or_default() * 24 * HOUR_MICROS;
        let (early, late) = (chance.below(12), 12 + chance.below(12));
        let mut words = |first| [first, pick(&WORDS, chance.next())];
        let (low_name, high_name) = (words("delta"), words("zulu"));
        let low = Bounds {
            order_id,
            hour: early,
            event_time: midnight + early * HOUR_MICROS,
            user_id: chance.below(1_000_000),
            amount: chance.decimal(10, 100),
            category: pick(&WORDS, chance.next()),
            product_name: low_name,
            latitude: -chance.decimal(90, 1_000_000),
            longitude: -chance.decimal(180, 1_000_000),
            status: "cancelled",
            quantity: 1,
        };
        let high = Bounds {
            order_id: order_id + 9_999,
            hour: late,
            event_time: midnight + (late + 1) * HOUR_MICROS - 1_000,
            user_id: 10_000_000 + chance.below(1_000_000),
            amount: 10.0 + chance.decimal(10_000, 100),
            category: "zulu",
            product_name: high_name,
            latitude: chance.decimal(90, 1_000_000),
            longitude: chance.decimal(180, 1_000_000),
            status: "shipped",
            quantity: 2 + i32::try_from(chance.below(98)).unwrap_or_default(),
        };
        let nulls = [0, 0, chance.below(100), 0, chance.below(100), 0, chance.below(100), 0, 0, 0];
        Self { records: 5_000 + chance.below(95_000), low, high, nulls }
    }
}

impl Bounds {
    fn write(&self, date: Date, within_the_hour: &str, out: &mut String) -> fmt::Result {
        let Self { order_id, hour, user_id, amount, category, product_name: [first, second], .. } = self;
        let Self { latitude, longitude, status, quantity, .. } = self;
        write!(
            out,
            "{{\"order_id\":{order_id},\"event_time\":\"{date}T{hour:02}:{within_the_hour}\",\"user_id\":{user_id},\
             \"amount\":{amount:?},\"category\":\"{category}\",\"product_name\":\"{first} {second}\",\
             \"latitude\":{latitude:?},\"longitude\":{longitude:?},\"status\":\"{status}\",\"quantity\":{quantity}}}"
        )
    }
}

fn pick(choices: &[&'static str], number: u64) -> &'static str {
    let at = number % (choices.len() as u64).max(1);
    usize::try_from(at).ok().and_then(|at| choices.get(at)).copied().unwrap_or_default()
}

/// Numbers that look like chance and are the same on every run (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> i64 {
        i64::try_from(self.next() % limit).unwrap_or_default()
    }

    /// A number below `limit` in steps of one part of so many.
    fn decimal(&mut self, limit: u64, parts: u32) -> f64 {
        self.below(limit * u64::from(parts)) as f64 / f64::from(parts)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_file_is_the_same_whenever_it_is_made_and_like_no_other() {
        let path = |number| {
            let mut path = String::new();
            File::new(number).write_path(true, &mut path).unwrap();
            path
        };
        assert_eq!(path(29), path(29));
        assert!(path(29).starts_with("date=2024-06-02/region=sa-east-1/part-00029-"), "{}", path(29));
        assert_ne!(path(29), path(29 + 200 * 84));
    }

    #[test]
    fn statistics_are_json_and_say_what_the_values_are() {
        let file = File::new(5);
        let mut text = String::new();
        file.write_stats(&mut text).unwrap();
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["minValues"]["latitude"], file.stats.low.latitude);
        assert_eq!(read["maxValues"]["order_id"], file.stats.high.order_id);
        assert!(read["maxValues"]["event_time"].as_str().unwrap().ends_with(":59:59.999Z"), "{text}");
        assert_eq!(read["nullCount"].as_object().unwrap().len(), COLUMNS.len());
    }

    #[test]
    fn dates_are_counted_from_1970() {
        // 2024-12-28, which is the 363rd day of that year.
        let last = Date { month: 11, day: 27 };
        assert_eq!((last.to_string(), last.days()), ("2024-12-28".to_owned(), YEAR_START_DAYS + 362));
    }
}
