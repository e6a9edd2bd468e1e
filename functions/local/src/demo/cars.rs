//! `cars`: forty cars of makers that never were, in one commit.

use std::sync::Arc;

use chrono::NaiveDate;
use deltalake::arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int32Builder, StringBuilder,
};
use deltalake::arrow::record_batch::RecordBatch;
use deltalake::kernel::{DataType, StructField};

use super::random::Sequence;
use super::{Failure, Sample, arrow_schema, days_since_epoch};

const CARS: usize = 40;
const MAKERS: [&str; 6] = ["Alder", "Brook", "Cinder", "Dunlin", "Ember", "Fathom"];
const MODELS: [&str; 7] = ["Hatch", "Estate", "Coupe", "Van", "City", "Tourer", "Pickup"];
pub(super) fn sample() -> Result<Sample, Failure> {
    let columns = vec![
        StructField::nullable("name", DataType::STRING),
        StructField::nullable("year", DataType::INTEGER),
        StructField::nullable("miles_per_gallon", DataType::DOUBLE),
        StructField::nullable("horsepower", DataType::INTEGER),
        StructField::nullable("price", DataType::decimal(10, 2)?),
        StructField::nullable("electric", DataType::BOOLEAN),
        StructField::nullable("launched", DataType::DATE),
    ];
    let mut numbers = Sequence::new(40);
    let mut names = StringBuilder::new();
    let mut years = Int32Builder::new();
    let mut miles = Float64Builder::new();
    let mut powers = Int32Builder::new();
    let mut prices = Decimal128Builder::new().with_precision_and_scale(10, 2)?;
    let mut electric = BooleanBuilder::new();
    let mut launched = Date32Builder::new();
    for number in 0..CARS {
        let maker = numbers.one_of(&MAKERS).unwrap_or_default();
        let model = numbers.one_of(&MODELS).unwrap_or_default();
        let year = 1985 + (numbers.fraction() * 38.0) as i32;
        let runs_on_current = year > 2010 && numbers.fraction() < 0.4;
        let day = NaiveDate::from_ymd_opt(year, 1 + (numbers.fraction() * 12.0) as u32, 1).ok_or("no such day")?;
        names.append_value(format!("{maker} {model} {}", 100 + number));
        years.append_value(year);
        miles.append_option((!runs_on_current).then(|| (numbers.between(18.0, 55.0) * 10.0).round() / 10.0));
        powers.append_value(numbers.between(60.0, 320.0) as i32);
        prices.append_value((numbers.between(8_000.0, 60_000.0) * 100.0) as i128);
        electric.append_value(runs_on_current);
        launched.append_value(days_since_epoch(day));
    }
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(names.finish()),
        Arc::new(years.finish()),
        Arc::new(miles.finish()),
        Arc::new(powers.finish()),
        Arc::new(prices.finish()),
        Arc::new(electric.finish()),
        Arc::new(launched.finish()),
    ];
    let commits = vec![RecordBatch::try_new(arrow_schema(&columns)?, arrays)?];
    Ok(Sample { name: "cars", columns, partitions: &[], commits, change_feed: false, checkpoint: None })
}
