//! Lines and JSON.
