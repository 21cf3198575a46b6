/// An invalid setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {message}")]
pub struct SettingError {
    /// The field, as a dotted path if nested; empty for the settings as a whole.
    pub field: String,
    /// What was found and what is allowed.
    pub message: String,
}

impl SettingError {
    /// A problem with `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }

    /// A problem with the settings as a whole.
    pub fn whole(message: impl Into<String>) -> Self {
        Self::new("", message)
    }

    /// A value of `field` that is not allowed.
    pub fn found(field: impl Into<String>, found: impl std::fmt::Display, allowed: impl std::fmt::Display) -> Self {
        Self::new(field, format!("found {found}: {allowed}"))
    }

    /// The same problem with `place` put in front of the field.
    #[must_use]
    pub fn within(self, place: &str) -> Self {
        let field = match (place, self.field.as_str()) {
            ("", field) => field.to_owned(),
            (place, "") => place.to_owned(),
            (place, field) => format!("{place}.{field}"),
        };
        Self { field, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::SettingError;

    #[test]
    fn places_are_put_in_front_of_the_field() {
        let at = |error: SettingError, place: &str| error.within(place).field;
        assert_eq!(at(SettingError::new("file", "is missing"), "noise"), "noise.file");
        assert_eq!(at(SettingError::whole("is empty"), "noise"), "noise");
        assert_eq!(at(SettingError::new("file", "is missing"), ""), "file");
        let deep = SettingError::found("bits", 0, "must be 1 to 32").within("adc").within("instrument");
        assert_eq!(deep.to_string(), "`instrument.adc.bits`: found 0: must be 1 to 32");
    }
}
