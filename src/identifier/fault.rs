//! What can be wrong with a number. A fault never carries the number.

/// Why a text is not a number of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NumberFault {
    /// Nothing but separators.
    #[error("the number is empty")]
    Empty,
    /// Not the length of this type.
    #[error("the number does not have the length of its type")]
    Length,
    /// A character that this type cannot have.
    #[error("the number has a character that its type cannot have")]
    Character,
    /// The birth date inside does not exist.
    #[error("the birth date inside the number does not exist")]
    Date,
    /// The check character does not fit.
    #[error("the check character of the number does not fit")]
    Check,
    /// `*` where only full numbers are taken.
    #[error("the number is masked; only lists may mask characters")]
    Masked,
}

#[cfg(test)]
mod tests {
    use super::NumberFault;

    #[test]
    fn every_fault_says_what_is_wrong() {
        let table = [
            (NumberFault::Empty, "is empty"),
            (NumberFault::Length, "length of its type"),
            (NumberFault::Character, "a character that its type cannot"),
            (NumberFault::Date, "birth date inside"),
            (NumberFault::Check, "check character"),
            (NumberFault::Masked, "only lists may mask"),
        ];
        for (fault, words) in table {
            assert!(fault.to_string().contains(words), "{fault}");
        }
    }
}
