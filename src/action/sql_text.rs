//! Splits SQL files into what a session can be given: statements, and the data of `COPY … FROM stdin`. Understands what psql
//! does about quotes, dollar quotes, comments, and the few commands that pg_dump writes.

/// One piece of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A statement, without its semicolon.
    Statement(&'a str),
    /// A `COPY … FROM stdin` and its lines, without the closing `\.`.
    CopyIn(&'a str, &'a str),
}

/// Why a file cannot be run.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum SplitError {
    /// A psql command that a session does not understand.
    #[error("line {line}: the psql command {command} is not understood; take it out of the file")]
    Command {
        /// Where.
        line: usize,
        /// Which.
        command: String,
    },
    /// The file ends inside something.
    #[error("line {line}: {what} is not closed")]
    Open {
        /// Where it begins.
        line: usize,
        /// What.
        what: &'static str,
    },
}

/// All pieces, in order.
pub(super) fn split(text: &str) -> Result<Vec<Piece<'_>>, SplitError> {
    let mut pieces = Vec::new();
    let mut at = 0;
    loop {
        at = skip_blank(text, at)?;
        let rest = &text[at..];
        if rest.is_empty() {
            return Ok(pieces);
        }
        if let Some(command) = rest.strip_prefix('\\') {
            let length = line_length(rest);
            if !["restrict", "unrestrict", "echo", "set ON_ERROR_STOP"].iter().any(|known| command.starts_with(known)) {
                return Err(SplitError::Command {
                    line: line_of(text, at),
                    command: rest[..length].trim_end().to_owned(),
                });
            }
            at += length;
            continue;
        }
        let end = statement_end(text, at)?;
        let statement = text[at..end].trim_end();
        at = (end + 1).min(text.len());
        if !is_copy_from_stdin(statement) {
            if !statement.is_empty() {
                pieces.push(Piece::Statement(statement));
            }
            continue;
        }
        at += line_length(&text[at..]);
        let data = copy_data(text, at)?;
        pieces.push(Piece::CopyIn(statement, data));
        at += data.len();
        at += line_length(&text[at..]);
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Length of the first line, its end included.
fn line_length(text: &str) -> usize {
    text.find('\n').map_or(text.len(), |end| end + 1)
}

/// Past white space, comments and lone semicolons.
fn skip_blank(text: &str, mut at: usize) -> Result<usize, SplitError> {
    loop {
        let rest = &text[at..];
        let trimmed = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ';' || c == '\u{feff}');
        at = text.len() - trimmed.len();
        at = match trimmed {
            _ if trimmed.starts_with("--") => at + line_length(trimmed),
            _ if trimmed.starts_with("/*") => comment_end(text, at)?,
            _ => return Ok(at),
        };
    }
}

/// Block comments nest.
fn comment_end(text: &str, start: usize) -> Result<usize, SplitError> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (start, 0_usize);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return Ok(at);
        }
    }
    Err(SplitError::Open { line: line_of(text, start), what: "a comment" })
}

/// Where the semicolon is that ends the statement at `start`, or the end of the file.
fn statement_end(text: &str, start: usize) -> Result<usize, SplitError> {
    let bytes = text.as_bytes();
    let mut at = start;
    let mut depth = 0_i32;
    let mut blocks = 0_u32;
    while at < bytes.len() {
        match bytes[at] {
            b';' if depth <= 0 && blocks == 0 => return Ok(at),
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'\'' => {
                at = quoted_end(text, at, b'\'', is_escape_string(bytes, at))?;
                continue;
            }
            b'"' => {
                at = quoted_end(text, at, b'"', false)?;
                continue;
            }
            b'-' if bytes[at..].starts_with(b"--") => {
                at += line_length(&text[at..]);
                continue;
            }
            b'/' if bytes[at..].starts_with(b"/*") => {
                at = comment_end(text, at)?;
                continue;
            }
            b'$' if !follows_word(bytes, at) => {
                if let Some(end) = dollar_quoted_end(text, at)? {
                    at = end;
                    continue;
                }
            }
            // The body of `CREATE FUNCTION … BEGIN ATOMIC … END` (version 14) has semicolons of its own.
            b'b' | b'B' if is_word(text, at, "begin") && next_word_is(text, at + 5, "atomic") => blocks += 1,
            b'c' | b'C' if blocks > 0 && is_word(text, at, "case") => blocks += 1,
            b'e' | b'E' if blocks > 0 && is_word(text, at, "end") => blocks -= 1,
            _ => {}
        }
        at += 1;
    }
    Ok(at)
}

fn quoted_end(text: &str, start: usize, quote: u8, escapes: bool) -> Result<usize, SplitError> {
    let bytes = text.as_bytes();
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if escapes => at += 2,
            byte if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return Ok(at + 1),
            _ => at += 1,
        }
    }
    let what = if quote == b'"' { "a quoted name" } else { "a string" };
    Err(SplitError::Open { line: line_of(text, start), what })
}

/// `E'…'`.
fn is_escape_string(bytes: &[u8], at: usize) -> bool {
    at > 0 && matches!(bytes[at - 1], b'e' | b'E') && !follows_word(bytes, at - 1)
}

fn follows_word(bytes: &[u8], at: usize) -> bool {
    at > 0
        && (bytes[at - 1].is_ascii_alphanumeric() || matches!(bytes[at - 1], b'_' | b'$') || !bytes[at - 1].is_ascii())
}

/// The end of `$tag$ … $tag$`; none where the dollar is something else.
fn dollar_quoted_end(text: &str, start: usize) -> Result<Option<usize>, SplitError> {
    let rest = &text[start..];
    let Some(length) = rest[1..].find('$') else { return Ok(None) };
    let tag = &rest[..length + 2];
    let inside = &tag[1..tag.len() - 1];
    let is_tag =
        inside.chars().all(|c| c.is_alphanumeric() || c == '_') && !inside.starts_with(|c: char| c.is_ascii_digit());
    if !is_tag {
        return Ok(None);
    }
    match rest[tag.len()..].find(tag) {
        Some(end) => Ok(Some(start + tag.len() + end + tag.len())),
        None => Err(SplitError::Open { line: line_of(text, start), what: "a dollar-quoted string" }),
    }
}

fn is_word(text: &str, at: usize, word: &str) -> bool {
    let bytes = text.as_bytes();
    let end = at + word.len();
    bytes.get(at..end).is_some_and(|found| found.eq_ignore_ascii_case(word.as_bytes()))
        && !follows_word(bytes, at)
        && bytes.get(end).is_none_or(|next| !next.is_ascii_alphanumeric() && *next != b'_')
}

fn next_word_is(text: &str, at: usize, word: &str) -> bool {
    let skipped = text.as_bytes()[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    is_word(text, at + skipped, word)
}

fn is_copy_from_stdin(statement: &str) -> bool {
    let lower = statement.to_ascii_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    words.first() == Some(&"copy") && words.windows(2).any(|pair| pair == ["from", "stdin"])
}

/// The lines up to `\.`, their ends included.
fn copy_data(text: &str, start: usize) -> Result<&str, SplitError> {
    let rest = &text[start..];
    let mut length = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == "\\." {
            return Ok(&rest[..length]);
        }
        length += line.len();
    }
    Err(SplitError::Open { line: line_of(text, start), what: "the data of a COPY" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statements(text: &str) -> Vec<&str> {
        split(text)
            .unwrap()
            .into_iter()
            .map(|piece| match piece {
                Piece::Statement(statement) => statement,
                Piece::CopyIn(statement, _) => panic!("{statement}"),
            })
            .collect()
    }

    #[test]
    fn semicolons_inside_other_things_end_nothing() {
        let text = "select ';', E'\\';', \";\"; -- ; \n/* ; /* ; */ ; */ select $$;$$, $a$ $$ ; $a$; select 1";
        assert_eq!(statements(text), ["select ';', E'\\';', \";\"", "select $$;$$, $a$ $$ ; $a$", "select 1"]);
        assert_eq!(
            statements("create rule r as on insert to t do (select 1; select 2); x"),
            ["create rule r as on insert to t do (select 1; select 2)", "x"]
        );
        assert_eq!(statements("select a$b$c; select $1;;\n"), ["select a$b$c", "select $1"]);
        let body = "create function f() returns int begin atomic select case when true then 1 end; select 2; end";
        assert_eq!(statements(&format!("{body}; begin; commit;")), [body, "begin", "commit"]);
    }

    #[test]
    fn a_dump_with_data_is_understood() {
        let text = "\\restrict abc\n\nSET x = 1;\nCOPY public.t (a, b) FROM stdin;\n1\tit's; $$\n\\N\t\\\\.\n\\.\n\nselect 2;\n\\unrestrict abc\n";
        assert_eq!(
            split(text).unwrap(),
            [
                Piece::Statement("SET x = 1"),
                Piece::CopyIn("COPY public.t (a, b) FROM stdin", "1\tit's; $$\n\\N\t\\\\.\n"),
                Piece::Statement("select 2"),
            ]
        );
        assert_eq!(split("copy t from stdin;\n\\.\n").unwrap(), [Piece::CopyIn("copy t from stdin", "")]);
    }

    #[test]
    fn what_is_not_understood_names_its_line() {
        let command = split("select 1;\n\\connect other\n").unwrap_err();
        assert_eq!(command, SplitError::Command { line: 2, command: "\\connect other".to_owned() });
        assert_eq!(split("\n\nselect 'a;\n").unwrap_err(), SplitError::Open { line: 3, what: "a string" });
        assert_eq!(split("do $$ begin").unwrap_err(), SplitError::Open { line: 1, what: "a dollar-quoted string" });
        assert_eq!(
            split("copy t from stdin;\n1\n").unwrap_err(),
            SplitError::Open { line: 2, what: "the data of a COPY" }
        );
    }
}
