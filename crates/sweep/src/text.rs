//! Checks and escapes text for file names, script lines and shell commands.

use std::path::Path;

/// Longest name of a study, in bytes. File systems allow 255 for a file name, of which up to 64 are used for the shard,
/// the kind of file, and, during writing, the process.
pub const LONGEST_NAME: usize = 190;

/// Checks that `name` can be used in the names of a study's files.
///
/// # Errors
/// The problem, as a phrase.
pub fn check_study_name(name: &str) -> Result<(), String> {
    let fail = |what: &str| Err(format!("found {name:?}: {what}"));
    if name.is_empty() || name.contains(['/', '\\']) {
        return fail("must be a valid file name");
    }
    if name.chars().any(char::is_control) {
        return fail("holds a line break or another control character, which is not allowed in file names");
    }
    if name.starts_with(['.', '-']) || name.starts_with(char::is_whitespace) || name.ends_with(char::is_whitespace) {
        return fail(
            "must begin with neither `.` (a hidden file) nor `-` (an option), and neither begin nor end with a space",
        );
    }
    if name.len() > LONGEST_NAME {
        return fail(&format!("has {} bytes: at most {LONGEST_NAME} can name a file", name.len()));
    }
    Ok(())
}

/// The text of a path, if it is a single line of UTF-8.
///
/// # Errors
/// The problem, as a phrase.
pub fn line_of(path: &Path) -> Result<&str, String> {
    let text = path.to_str().ok_or_else(|| format!("{path:?} is not UTF-8 text"))?;
    one_line(text)
}

/// The text itself, if it is a single line.
///
/// # Errors
/// The problem, as a phrase.
pub fn one_line(text: &str) -> Result<&str, String> {
    if text.chars().any(char::is_control) {
        return Err(format!("{text:?} holds a line break or another control character"));
    }
    Ok(text)
}

/// Quotes a word for a shell, if necessary.
#[must_use]
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=:.,/%@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { shell_words::quote(word).into_owned() }
}

/// Quotes a path for a shell; invalid UTF-8 is replaced.
#[must_use]
pub fn shell_path(path: &Path) -> String {
    shell_word(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_name_a_file_are_refused() {
        let longest = "x".repeat(190);
        for good in [&longest, "fig2d", "my study", "ça-va", "a.b", "it's 50 % \"done\"", "x$(y)"] {
            assert_eq!(check_study_name(good), Ok(()), "{good}");
        }
        let long = "x".repeat(191);
        for bad in [
            "", "a/b", "a\\b", ".", "..", ".hidden", "-rf", " a", "a ", "a\nb", "a\rb", "a\tb", "a\u{7f}", "a\0", &long,
        ] {
            assert!(check_study_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_shell_reads_words_back_as_they_were() {
        for word in ["plain-1.5_x", "", "two words", "it's", "$(touch x)", "`x`", "a;b", "a\\b", "*", "~", "#", "ü"] {
            assert_eq!(shell_words::split(&shell_word(word)).unwrap(), [word]);
        }
        assert_eq!(shell_word("results/a-b_50%.h5"), "results/a-b_50%.h5");
    }
}
