//! Hokkien and its neighbours, as spelled in Singapore, Malaysia and Taiwan: surnames, syllables of
//! given names.
//!
//! In: the table `hokkien.tsv`, compiled in. Out: spellings with the characters they stand for. No
//! rules: spellings differ from family to family, so only usual ones are here.

use super::super::variants::VariantTable;

const TABLE: &str = include_str!("../../../data/names/hokkien.tsv");

/// Calls `visit` with each spelling of a surname and the surname.
pub fn surnames(visit: &mut dyn FnMut(&str, char)) {
    rows("surname", visit);
}

/// Calls `visit` with each spelling of a character of a given name and the character.
pub fn given(visit: &mut dyn FnMut(&str, char)) {
    rows("given", visit);
}

fn rows(place: &str, visit: &mut dyn FnMut(&str, char)) {
    let variants = VariantTable::get();
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split('\t');
        if let (Some(of), Some(letters), Some(chars)) =
            (fields.next(), fields.next(), fields.next())
            && of == place
        {
            chars
                .chars()
                .for_each(|c| visit(letters, variants.one_form(c)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let mut count = 0;
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [place, letters, chars] = fields[..] else {
                panic!("{line}");
            };
            assert!(["surname", "given"].contains(&place), "{line}");
            assert!(letters.bytes().all(|b| b.is_ascii_lowercase()), "{line}");
            assert!(chars.chars().all(|c| c >= '\u{3400}'), "{line}");
            count += 1;
        }
        assert!(count > 150, "{count}");
    }

    #[test]
    fn surnames_and_given_names_are_apart() {
        let mut tan = String::new();
        surnames(&mut |letters, c| {
            if letters == "tan" {
                tan.push(c);
            }
        });
        assert!(tan.contains('陈'));
        let mut hock = String::new();
        given(&mut |letters, c| {
            if letters == "hock" {
                hock.push(c);
            }
        });
        assert!(hock.contains('福'));
    }
}
