//! The language of what is said to people: Chinese or English.

/// A language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// 中文, where nothing else is asked for.
    #[default]
    Zh,
    /// English.
    En,
}

impl Language {
    /// The language an `Accept-Language` header prefers, of the two.
    pub fn preferred(header: &str) -> Self {
        let mut best = (Self::Zh, 0);
        for range in header.split(',') {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let weight = weight_thousandths(parameters);
            let language = match tag.trim().get(..2) {
                Some(tag) if tag.eq_ignore_ascii_case("zh") => Self::Zh,
                Some(tag) if tag.eq_ignore_ascii_case("en") => Self::En,
                _ => continue,
            };
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }

    /// The tag of `Content-Language`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }
}

fn weight_thousandths(parameters: &str) -> u32 {
    let Some(weight) = parameters.trim().strip_prefix("q=") else {
        return 1_000;
    };
    let parsed: f32 = weight.trim().parse().unwrap_or(0.0);
    (parsed.clamp(0.0, 1.0) * 1_000.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heavier_of_the_two_languages_is_taken() {
        for (header, wanted) in [
            ("", Language::Zh),
            ("en", Language::En),
            ("en-GB,en;q=0.9,zh;q=0.8", Language::En),
            ("en;q=0.3, zh-CN;q=0.8", Language::Zh),
            ("fr, de;q=0.9", Language::Zh),
            ("fr, EN;q=0.1", Language::En),
            ("en;q=0", Language::Zh),
            ("en;q=x", Language::Zh),
            ("é", Language::Zh),
        ] {
            assert_eq!(Language::preferred(header), wanted, "{header}");
        }
    }
}
