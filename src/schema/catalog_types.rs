//! From `pg_type`, `pg_enum` and type modifiers to [`Type`].

use super::target::{get, rows};
use super::{IntervalFields, SchemaError, Type, TypeKind};
use std::collections::HashMap;
use tokio_postgres::Client;

/// Every type that a column of the tables uses, with the bases of domains and the elements of arrays.
const TYPES: &str = "
WITH RECURSIVE used(oid) AS (
  SELECT a.atttypid FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
  UNION
  SELECT CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.typelem END
  FROM used JOIN pg_catalog.pg_type t ON t.oid = used.oid
  WHERE t.typtype = 'd' OR t.typelem <> 0)
SELECT t.oid, t.typname::text, t.typtype::text, t.typbasetype, t.typtypmod,
       CASE WHEN t.typcategory = 'A' AND t.typlen = -1 THEN t.typelem ELSE 0 END,
       ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
FROM used JOIN pg_catalog.pg_type t ON t.oid = used.oid";

/// `int2vector` and `oidvector` look like arrays in the catalog and count from zero on the wire.
const VECTORS: [u32; 2] = [22, 30];

/// Modifiers of types with a length carry the length word's four bytes (`VARHDRSZ`).
const HEADER: i32 = 4;

/// The types in use.
pub(super) struct Types(HashMap<u32, Entry>);

struct Entry {
    name: String,
    domain: bool,
    base: u32,
    base_modifier: i32,
    element: u32,
    labels: Vec<String>,
}

impl Types {
    pub(super) async fn read(client: &Client, tables: &[u32]) -> Result<Self, SchemaError> {
        let mut types = HashMap::new();
        for row in rows(client, "types", TYPES, &[&tables]).await? {
            let entry = Entry {
                name: get(&row, 1)?,
                domain: get::<String>(&row, 2)? == "d",
                base: get(&row, 3)?,
                base_modifier: get(&row, 4)?,
                element: get(&row, 5)?,
                labels: get(&row, 6)?,
            };
            types.insert(get(&row, 0)?, entry);
        }
        Ok(Self(types))
    }

    /// The type of a column; `name` as `format_type` writes it.
    pub(super) fn resolve(&self, oid: u32, modifier: i32, name: String) -> Type {
        let (kind, domain) = match self.0.get(&oid) {
            Some(entry) if entry.domain => {
                (self.resolve(entry.base, entry.base_modifier, entry.name.clone()).kind, true)
            }
            Some(entry) => (self.kind(oid, entry, modifier, &name), false),
            None => (TypeKind::Other, false),
        };
        Type { oid, name, kind, domain }
    }

    fn kind(&self, oid: u32, entry: &Entry, modifier: i32, name: &str) -> TypeKind {
        if !entry.labels.is_empty() {
            return TypeKind::Enum(entry.labels.clone());
        }
        if entry.element != 0 && !VECTORS.contains(&oid) {
            let element = name.strip_suffix("[]").unwrap_or(name).to_owned();
            return TypeKind::Array(Box::new(self.resolve(entry.element, modifier, element)));
        }
        if entry.name == "citext" {
            return TypeKind::Text;
        }
        built_in(oid, modifier)
    }
}

/// Built-in types by their fixed oids (`pg_type.dat`).
fn built_in(oid: u32, modifier: i32) -> TypeKind {
    let length = (modifier >= HEADER).then(|| (modifier - HEADER).unsigned_abs());
    match oid {
        16 => TypeKind::Bool,
        17 => TypeKind::Bytea,
        18 => TypeKind::SingleByte,
        19 => TypeKind::Name,
        20 => TypeKind::Int8,
        21 => TypeKind::Int2,
        23 => TypeKind::Int4,
        25 => TypeKind::Text,
        114 => TypeKind::Json,
        142 => TypeKind::Xml,
        650 => TypeKind::Cidr,
        700 => TypeKind::Float4,
        701 => TypeKind::Float8,
        774 => TypeKind::Macaddr8,
        829 => TypeKind::Macaddr,
        869 => TypeKind::Inet,
        1042 => length.map_or(TypeKind::Text, TypeKind::Char),
        1043 => TypeKind::Varchar(length),
        1700 => TypeKind::Numeric(numeric(modifier)),
        2950 => TypeKind::Uuid,
        3802 => TypeKind::Jsonb,
        1560 => bits(modifier).map_or(TypeKind::Varbit(None), TypeKind::Bit),
        1562 => TypeKind::Varbit(bits(modifier)),
        _ => temporal(oid, modifier),
    }
}

fn temporal(oid: u32, modifier: i32) -> TypeKind {
    let digits = u8::try_from(modifier).ok();
    match oid {
        1082 => TypeKind::Date,
        1083 => TypeKind::Time(digits),
        1114 => TypeKind::Timestamp(digits),
        1184 => TypeKind::TimestampTz(digits),
        1186 => TypeKind::Interval(interval(modifier)),
        1266 => TypeKind::TimeTz(digits),
        _ => TypeKind::Other,
    }
}

fn bits(modifier: i32) -> Option<u32> {
    u32::try_from(modifier).ok()
}

/// Precision in the upper half, scale in the lower eleven bits, signed since version 15 (`numeric.c`).
fn numeric(modifier: i32) -> Option<(u16, i16)> {
    let packed = modifier.checked_sub(HEADER).filter(|packed| *packed >= 0)?;
    let scale = ((packed & 0x7ff) ^ 1024) - 1024;
    Some((u16::try_from(packed >> 16).ok()?, i16::try_from(scale).ok()?))
}

/// Precision in the lower half, range mask in the upper; all ones mean unrestricted (`timestamp.h`).
fn interval(modifier: i32) -> IntervalFields {
    if modifier < 0 {
        return IntervalFields::default();
    }
    let precision = modifier & 0xffff;
    let range = (modifier >> 16) & 0x7fff;
    IntervalFields {
        precision: u8::try_from(precision).ok(),
        range: u16::try_from(range).ok().filter(|range| *range != 0x7fff),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_become_bounds() {
        assert_eq!(built_in(1043, 104), TypeKind::Varchar(Some(100)));
        assert_eq!(built_in(1042, -1), TypeKind::Text);
        assert_eq!(built_in(1700, -1), TypeKind::Numeric(None));
        assert_eq!(built_in(1700, ((10 << 16) | 2) + 4), TypeKind::Numeric(Some((10, 2))));
        assert_eq!(built_in(1700, ((3 << 16) | (-2_i32 & 0x7ff)) + 4), TypeKind::Numeric(Some((3, -2))));
        assert_eq!(
            built_in(1186, (0x7fff << 16) | 3),
            TypeKind::Interval(IntervalFields { precision: Some(3), range: None })
        );
        assert_eq!(built_in(1186, -1), TypeKind::Interval(IntervalFields::default()));
        assert_eq!(built_in(1114, 0), TypeKind::Timestamp(Some(0)));
    }
}
