//! Dates, clock readings and moments.

use super::Misfit;
use super::calendar::{self, DAY, EPOCH_DAYS, Reading, SECOND, Written};
use crate::digest::canonical;
use crate::evidence::IntervalUnit;
use crate::runbook::ZonePolicy;
use crate::schema::Rules;
use rusqlite::types::ValueRef;

/// The bounds of PostgreSQL's calendar: 4714-11-24 BC, and the first days that its types no longer hold (`timestamp.h`).
const FIRST_DAY: i64 = -2_451_545;
const END_OF_DATE: i64 = 2_145_031_949;
const END_OF_TIMESTAMP: i64 = 106_741_035 - 10_957 + 10_957 + 0;

/// `date`.
pub(super) fn date(value: ValueRef<'_>, rules: &Rules, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let day = match moment(value, rules)? {
        Moment::Infinity => i32::MAX,
        Moment::MinusInfinity => i32::MIN,
        Moment::Reading { day, .. } if (FIRST_DAY..END_OF_DATE).contains(&day) => day as i32,
        Moment::Reading { .. } => return Err(Misfit::new("the date is out of range")),
    };
    canonical::put_date(day, out);
    Ok(())
}
