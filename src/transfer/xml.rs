//! `xml` on the wire. What the server sends of a value lacks a plain declaration, so the text itself is sent, once the server's input
//! function has found it well formed. Sent in binary it is read by the encoding that its declaration names, which the input function
//! passes over (`xml_recv` and `xml_in` in PostgreSQL's `xml.c`).

/// Encodings under which the bytes of ASCII mean what they mean under UTF-8, by how PostgreSQL's names of them begin.
const LIKE_ASCII: [&str; 3] = ["iso-8859-", "windows-125", "latin"];

/// The payload for a text that is well formed, or why there is none.
pub(super) fn wire(text: &str) -> Result<Vec<u8>, String> {
    match encoding(text).filter(|name| !is_read_alike(text, name)) {
        Some(name) => Err(format!("its XML declaration names the encoding {name}, and it is stored in UTF-8")),
        None => Ok(text.as_bytes().to_vec()),
    }
}

fn is_read_alike(text: &str, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "utf-8" || (text.is_ascii() && LIKE_ASCII.iter().any(|begin| name.starts_with(begin)))
}

/// The encoding that the declaration names.
fn encoding(text: &str) -> Option<&str> {
    let (declaration, _) = text.strip_prefix("<?xml")?.split_once("?>")?;
    let (_, after) = declaration.split_once("encoding")?;
    let named = after.trim_start().strip_prefix('=')?.trim_start();
    let quote = named.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    named[1..].split(quote).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_read_from_a_declaration_only() {
        assert_eq!(encoding("<?xml version='1.0' encoding = 'UTF-16' ?><r/>"), Some("UTF-16"));
        assert_eq!(encoding("<?xml version=\"1.0\"?><r encoding=\"x\"/>"), None);
        assert_eq!(encoding("<r>encoding=\"x\"</r>"), None);
    }
}
