//! `owid-covid-data`: one row a day for each of eight countries, a commit for each quarter. The name and the columns are
//! those of the walk-through that people know; the figures are waves that never were.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate};
use deltalake::arrow::array::{ArrayRef, Date32Builder, Float64Builder, Int64Builder, StringBuilder};
use deltalake::arrow::datatypes::Schema;
use deltalake::arrow::record_batch::RecordBatch;
use deltalake::kernel::{DataType, StructField};

use super::random::Sequence;
use super::{Failure, Sample, arrow_schema, days_since_epoch};

/// Code, continent, name, inhabitants.
const COUNTRIES: [(&str, &str, &str, i64); 8] = [
    ("USA", "North America", "United States", 331_000_000),
    ("GBR", "Europe", "United Kingdom", 67_000_000),
    ("DEU", "Europe", "Germany", 83_000_000),
    ("FRA", "Europe", "France", 67_000_000),
    ("IND", "Asia", "India", 1_390_000_000),
    ("BRA", "South America", "Brazil", 213_000_000),
    ("JPN", "Asia", "Japan", 125_000_000),
    ("ZAF", "Africa", "South Africa", 59_000_000),
];

const FIRST_YEAR: i32 = 2020;
const DAYS: i64 = 731;
/// Days at the start for which no deaths were recorded, so that there are nulls.
const DAYS_WITHOUT_DEATHS: i64 = 60;
/// The version that gets a checkpoint; later ones are commits only.
const CHECKPOINT: usize = 6;

struct Country {
    waves: Sequence,
    total_cases: f64,
    total_deaths: f64,
}

pub(super) fn sample() -> Result<Sample, Failure> {
    let columns = vec![
        StructField::nullable("iso_code", DataType::STRING),
        StructField::nullable("continent", DataType::STRING),
        StructField::nullable("location", DataType::STRING),
        StructField::nullable("date", DataType::DATE),
        StructField::nullable("new_cases", DataType::DOUBLE),
        StructField::nullable("total_cases", DataType::DOUBLE),
        StructField::nullable("new_deaths", DataType::DOUBLE),
        StructField::nullable("total_deaths", DataType::DOUBLE),
        StructField::nullable("population", DataType::LONG),
    ];
    let schema = arrow_schema(&columns)?;
    let mut countries: Vec<Country> = (0..)
        .take(COUNTRIES.len())
        .map(|seed| Country { waves: Sequence::new(2020 + seed), total_cases: 0.0, total_deaths: 0.0 })
        .collect();
    let first = NaiveDate::from_ymd_opt(FIRST_YEAR, 1, 1).ok_or("no such day")?;
    let mut commits = Vec::new();
    let mut quarter = Vec::new();
    for day in 0..DAYS {
        let date = first + chrono::Duration::days(day);
        if date.day() == 1 && date.month0().is_multiple_of(3) && !quarter.is_empty() {
            commits.push(batch(&schema, &std::mem::take(&mut quarter), &mut countries)?);
        }
        quarter.push((day, date));
    }
    commits.push(batch(&schema, &quarter, &mut countries)?);
    Ok(Sample {
        name: "owid-covid-data",
        columns,
        partitions: &["iso_code"],
        commits,
        change_feed: true,
        checkpoint: Some(CHECKPOINT),
    })
}

fn batch(schema: &Arc<Schema>, days: &[(i64, NaiveDate)], countries: &mut [Country]) -> Result<RecordBatch, Failure> {
    let mut texts = [StringBuilder::new(), StringBuilder::new(), StringBuilder::new()];
    let mut dates = Date32Builder::new();
    let mut figures = [Float64Builder::new(), Float64Builder::new(), Float64Builder::new(), Float64Builder::new()];
    let mut populations = Int64Builder::new();
    for ((code, continent, name, population), country) in COUNTRIES.iter().zip(countries) {
        for (day, date) in days {
            for (builder, text) in texts.iter_mut().zip([code, continent, name]) {
                builder.append_value(text);
            }
            dates.append_value(days_since_epoch(*date));
            let row = country.next_day(*day, *population);
            for (builder, figure) in figures.iter_mut().zip(row) {
                builder.append_option(figure);
            }
            populations.append_value(*population);
        }
    }
    let mut columns: Vec<ArrayRef> = Vec::new();
    columns.extend(texts.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef));
    columns.push(Arc::new(dates.finish()));
    columns.extend(figures.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef));
    columns.push(Arc::new(populations.finish()));
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

impl Country {
    /// New cases, total cases, new deaths, total deaths.
    fn next_day(&mut self, day: i64, population: i64) -> [Option<f64>; 4] {
        let (day_number, people) = (day as f64, population as f64);
        let height = 1.0 + (day_number / 55.0).sin() * 0.8;
        let cases = (people / 20_000.0 * height * self.waves.between(0.6, 1.4) * (day_number / 365.0)).round();
        self.total_cases += cases;
        if day < DAYS_WITHOUT_DEATHS {
            return [Some(cases), Some(self.total_cases), None, None];
        }
        let deaths = (cases * self.waves.between(0.005, 0.02)).round();
        self.total_deaths += deaths;
        [Some(cases), Some(self.total_cases), Some(deaths), Some(self.total_deaths)]
    }
}
