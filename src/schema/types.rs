//! PostgreSQL's types, as far as they decide a conversion.

/// A column's type, with domains looked through: a domain's values travel as those of its base type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// `pg_type.oid` of the type as declared (the domain's own, where it is one).
    pub oid: u32,
    /// As `format_type` writes it: `character varying(20)`, `public.mood`.
    pub name: String,
    /// What its values are.
    pub kind: TypeKind,
    /// Whether the declared type is a domain (whose constraints the server checks).
    pub domain: bool,
}

/// What the values of a type are. Modifiers that bound a value are part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeKind {
    /// `boolean`.
    Bool,
    /// `smallint`.
    Int2,
    /// `integer`.
    Int4,
    /// `bigint`.
    Int8,
    /// `real`.
    Float4,
    /// `double precision`.
    Float8,
    /// `numeric`, with precision and scale where declared (scale may be negative since version 15).
    Numeric(Option<(u16, i16)>),
    /// `text` and other types whose binary form is their text and that have no length limit (`citext`).
    Text,
    /// `character varying`, limit in characters.
    Varchar(Option<u32>),
    /// `character(n)`: blank-padded to n characters.
    Char(u32),
    /// `name`: at most 63 bytes.
    Name,
    /// `"char"`: one byte.
    SingleByte,
    /// `bytea`.
    Bytea,
    /// `uuid`.
    Uuid,
    /// `date`.
    Date,
    /// `time`, fractional digits where declared.
    Time(Option<u8>),
    /// `time with time zone`.
    TimeTz(Option<u8>),
    /// `timestamp`.
    Timestamp(Option<u8>),
    /// `timestamp with time zone`.
    TimestampTz(Option<u8>),
    /// `interval`, with field restriction and fractional digits where declared.
    Interval(IntervalFields),
    /// `json`: bytes are kept.
    Json,
    /// `jsonb`: the parsed value is kept.
    Jsonb,
    /// `inet`.
    Inet,
    /// `cidr`.
    Cidr,
    /// `macaddr`.
    Macaddr,
    /// `macaddr8`.
    Macaddr8,
    /// `bit(n)`.
    Bit(u32),
    /// `bit varying`.
    Varbit(Option<u32>),
    /// `xml`: goes through the server's text input.
    Xml,
    /// An enum with its labels.
    Enum(Vec<String>),
    /// An array; the element's own oid is in it.
    Array(Box<Type>),
    /// Anything else: goes through the type's own text input on the server.
    Other,
}

impl TypeKind {
    /// Whether the server alone reads its values, or the elements of an array of it.
    #[must_use]
    pub fn is_for_server(&self) -> bool {
        match self {
            Self::Other | Self::Xml => true,
            Self::Array(element) => element.kind.is_for_server(),
            _ => false,
        }
    }
}

/// The modifiers of an `interval`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntervalFields {
    /// Fractional digits of seconds, 0 to 6.
    pub precision: Option<u8>,
    /// The range mask of the type modifier (`INTERVAL YEAR TO MONTH`); none for all fields.
    pub range: Option<u16>,
}
