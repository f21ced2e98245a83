//! A value for each of many characters, found by two array reads.
//!
//! In: pairs of character and value. Out: the value of a character, the default where it has none.
//! Pages of 64 code points behind a directory; blocks without values share page 0. No I/O.
//! HOT: every character of every name passes here.

/// Code points of a page.
const PAGE_CHARS: usize = 64;
/// Pages of the whole code space.
const PAGES: usize = (char::MAX as usize + 1) / PAGE_CHARS;

/// Characters to values; the directory takes 35 KB, each page in use 64 values.
pub struct CharMap<T> {
    directory: Box<[u16]>,
    pages: Vec<[T; PAGE_CHARS]>,
}

impl<T: Copy + Default> CharMap<T> {
    /// A map without values.
    pub fn new() -> Self {
        Self {
            directory: vec![0; PAGES].into(),
            pages: vec![[T::default(); PAGE_CHARS]],
        }
    }

    /// The value of `c`.
    #[inline]
    pub fn get(&self, c: char) -> T {
        let place = c as usize;
        let page = self.directory[place / PAGE_CHARS];
        self.pages[usize::from(page)][place % PAGE_CHARS]
    }

    /// Gives `c` a value, in place of the one it had.
    pub fn insert(&mut self, c: char, value: T) {
        let place = c as usize;
        let block = &mut self.directory[place / PAGE_CHARS];
        if *block == 0 {
            *block = self.pages.len() as u16;
            self.pages.push([T::default(); PAGE_CHARS]);
        }
        self.pages[usize::from(*block)][place % PAGE_CHARS] = value;
    }
}

impl<T: Copy + Default> Default for CharMap<T> {
    fn default() -> Self {
        Self::new()
    }
}
