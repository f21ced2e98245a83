//! The file beside a full segment: which digests and check_ids stand in it, and where.
//!
//! In: what `side_contents.rs` has gathered; later keys to look for. Out: bytes; later offsets of
//! frames. Derived from the segment alone: it can be thrown away and made again at any time, and
//! holds first halves of keyed digests, no more than the segment itself. Every part that is read
//! has a checksum: damage is `SideFault::Damaged`, never a wrong or missing offset. Format 2,
//! little endian (format 1 is the same without what a start needs, and is made anew):
//!
//! ```text
//! head    256 bytes, see `SideHead::put`; its crc32c at the end
//! start   what a start needs, see `side_start.rs`
//! blocks  64 bytes each, a Bloom filter of 384 bits about 24 keys, and where their entries stand:
//!         crc32c u32 of the rest | first entry u32 | entries u32 | crc32c u32 of them | bits 48
//! entries key u64, offset / 8 u32; by key
//! names   table u8, 3 zeros, number u32, offset / 8 u32; by table and number
//! places  check_id 16, offset / 8 u32, 4 zeros: the first check of every 256
//! ```
//!
//! Blocks are chosen by the high bits of a key, so that the entries of a block stand together: one
//! read of 64 bytes answers "no" for nearly every key that is not there, and one more finds the
//! entries of one that is. 16 bits a key and 8 probes: about one wrong "perhaps" in a thousand.

use super::entry::NameKey;
use super::record::CheckId;
use super::segment::Header;
use super::side_start::SideStart;
use crate::identifier::digest::Digest;
use crate::model::term::Moment;
use crate::storage::disk::StoredFile;
use std::io;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of the head.
pub(super) const HEAD_BYTES: usize = 256;
/// Bytes of a block.
pub(super) const BLOCK_BYTES: usize = 64;
/// Bytes of an entry, and of a name.
pub(super) const ENTRY_BYTES: usize = 12;
/// Bytes of a place.
pub(super) const PLACE_BYTES: usize = 24;
/// Keys that one block is made for.
const KEYS_A_BLOCK: usize = 24;
/// Bits of a block's filter.
const FILTER_BITS: u64 = 384;
/// Where the filter begins in its block.
const FILTER_FROM: usize = 16;

const MAGIC: [u8; 8] = *b"hechaSUB";
const FORMAT: u32 = 2;
/// The format without what a start needs.
const WITHOUT_START: u32 = 1;

/// A key under which frames are found: of a person, or of a check that frames concern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SideKey(pub u64);

impl SideKey {
    /// Of a person's digest.
    pub fn of_digest(digest: &Digest) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = digest.0;
        Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// Of feedback and events that concern a check.
    pub fn of_check(check_id: CheckId) -> Self {
        Self(xxh3_64(&check_id.0))
    }

    fn block(self, blocks: u32) -> u32 {
        ((u128::from(self.0) * u128::from(blocks)) >> 64) as u32
    }

    /// Eight bits of the filter. The block took the high bits of the key: mixed, they are new.
    fn probes(self) -> impl Iterator<Item = usize> {
        let first = mixed(self.0);
        let words = [first, mixed(first)];
        words.into_iter().flat_map(|word| {
            (0..4).map(move |part| {
                let part = (word >> (16 * part)) & 0xffff;
                ((part * FILTER_BITS) >> 16) as usize
            })
        })
    }
}

/// The finaliser of SplitMix64.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Why a side file does not answer. Its segment does.
#[derive(Debug)]
pub(super) enum SideFault {
    /// Not whole, or of another format.
    Damaged,
    /// The file system did not give it.
    Unread,
}

impl From<io::Error> for SideFault {
    fn from(_: io::Error) -> Self {
        Self::Unread
    }
}

/// What a side file says of its segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SideHead {
    /// The segment's own header.
    pub header: Header,
    /// Index of its first frame.
    pub first_index: u64,
    /// Index after its last frame.
    pub next_index: u64,
    /// Where its frames end.
    pub end: u64,
    /// First and last of its checks; all zeros where it has none.
    pub checks: (CheckId, CheckId),
    /// Number of its checks.
    pub check_count: u64,
    /// Lowest and highest moment of its checks.
    pub moments: (Moment, Moment),
    /// Frames that concern a check: feedback, some events.
    pub concerning: u64,
    /// Bytes of what a start needs; 0 where it is not there.
    pub(super) start_bytes: u32,
    pub(super) blocks: u32,
    pub(super) entries: u32,
    pub(super) names: u32,
    pub(super) places: u32,
    pub(super) names_crc: u32,
    pub(super) places_crc: u32,
    /// xxh3 of all that follows the head.
    pub(super) body_hash: u64,
}

impl SideHead {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&MAGIC);
        let numbers = [FORMAT, self.blocks, self.entries, self.names, self.places];
        for number in numbers.into_iter().chain([self.names_crc, self.places_crc]) {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for number in [self.first_index, self.next_index, self.end] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for number in [self.check_count, self.concerning, self.body_hash] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for moment in [self.moments.0, self.moments.1] {
            out.extend_from_slice(&moment.0.to_le_bytes());
        }
        out.extend_from_slice(&self.checks.0.0);
        out.extend_from_slice(&self.checks.1.0);
        out.extend_from_slice(&self.start_bytes.to_le_bytes());
        self.header.put(out);
        // INVARIANT: a header is half as long as the room for it.
        debug_assert!(out.len() - start <= HEAD_BYTES - 4);
        out.resize(start + HEAD_BYTES - 4, 0);
        let check = crc32c::crc32c(&out[start..]);
        out.extend_from_slice(&check.to_le_bytes());
    }

    /// `None` where it is not whole.
    pub(super) fn read(bytes: &[u8; HEAD_BYTES]) -> Option<Self> {
        let (content, check) = bytes.split_at(HEAD_BYTES - 4);
        if crc32c::crc32c(content).to_le_bytes() != *check {
            return None;
        }
        let mut rest = content;
        if take::<8>(&mut rest)? != MAGIC {
            return None;
        }
        let mut small = || take(&mut rest).map(u32::from_le_bytes);
        let has_start = match small()? {
            FORMAT => true,
            WITHOUT_START => false,
            _ => return None,
        };
        let (blocks, entries, names, places) = (small()?, small()?, small()?, small()?);
        let (names_crc, places_crc) = (small()?, small()?);
        let mut large = || take(&mut rest).map(u64::from_le_bytes);
        let (first_index, next_index, end) = (large()?, large()?, large()?);
        let (check_count, concerning, body_hash) = (large()?, large()?, large()?);
        let moments = (Moment(large()? as i64), Moment(large()? as i64));
        let checks = (CheckId(take(&mut rest)?), CheckId(take(&mut rest)?));
        let start_bytes = match has_start {
            true => u32::from_le_bytes(take(&mut rest)?),
            false => 0,
        };
        Some(Self {
            start_bytes,
            header: Header::read(rest)?,
            first_index,
            next_index,
            end,
            checks,
            check_count,
            moments,
            concerning,
            blocks,
            entries,
            names,
            places,
            names_crc,
            places_crc,
            body_hash,
        })
    }

    fn blocks_from(&self) -> u64 {
        HEAD_BYTES as u64 + u64::from(self.start_bytes)
    }

    fn entries_from(&self) -> u64 {
        self.blocks_from() + u64::from(self.blocks) * BLOCK_BYTES as u64
    }

    fn names_from(&self) -> u64 {
        self.entries_from() + u64::from(self.entries) * ENTRY_BYTES as u64
    }

    fn places_from(&self) -> u64 {
        self.names_from() + u64::from(self.names) * ENTRY_BYTES as u64
    }

    pub(super) fn whole_bytes(&self) -> u64 {
        self.places_from() + u64::from(self.places) * PLACE_BYTES as u64
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}

/// Blocks for so many keys.
pub(super) fn blocks_for(keys: usize) -> u32 {
    u32::try_from(keys.div_ceil(KEYS_A_BLOCK).max(1)).unwrap_or(u32::MAX)
}

/// Appends all blocks and entries. `entries` are sorted.
pub(super) fn put_entries(out: &mut Vec<u8>, blocks: u32, entries: &[(SideKey, u32)]) {
    let mut table = Vec::with_capacity(entries.len() * ENTRY_BYTES);
    let mut first = 0;
    for block in 0..blocks {
        let group = entries[first..]
            .iter()
            .take_while(|(key, _)| key.block(blocks) == block);
        let mut filter = [0u8; BLOCK_BYTES - FILTER_FROM];
        let table_from = table.len();
        for (key, offset) in group {
            for bit in key.probes() {
                filter[bit / 8] |= 1 << (bit % 8);
            }
            table.extend_from_slice(&key.0.to_le_bytes());
            table.extend_from_slice(&offset.to_le_bytes());
        }
        let count = (table.len() - table_from) / ENTRY_BYTES;
        let from = out.len();
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&(first as u32).to_le_bytes());
        out.extend_from_slice(&(count as u32).to_le_bytes());
        out.extend_from_slice(&crc32c::crc32c(&table[table_from..]).to_le_bytes());
        out.extend_from_slice(&filter);
        let check = crc32c::crc32c(&out[from + 4..]);
        out[from..from + 4].copy_from_slice(&check.to_le_bytes());
        first += count;
    }
    debug_assert_eq!(
        first,
        entries.len(),
        "sorted keys fill their blocks in order"
    );
    out.extend_from_slice(&table);
}

/// Where the bytes of a side file are.
#[derive(Debug)]
pub(super) enum SideBytes {
    /// In its file.
    File(Arc<dyn StoredFile>),
    /// Just gathered.
    Memory(Vec<u8>),
}

/// A side file that answers.
#[derive(Debug)]
pub(super) struct SideFile {
    bytes: SideBytes,
    /// What it says of its segment.
    pub head: SideHead,
}

impl SideFile {
    /// Reads the head.
    pub fn open(bytes: SideBytes, number: u64) -> Result<Self, SideFault> {
        let mut head = [0; HEAD_BYTES];
        read(&bytes, 0, &mut head)?;
        let head = SideHead::read(&head).filter(|head| head.header.number == number);
        let head = head.ok_or(SideFault::Damaged)?;
        Ok(Self { bytes, head })
    }

    /// Offsets of the frames under a key, rising. Another digest may begin alike.
    pub fn offsets(&self, key: SideKey) -> Result<Vec<u64>, SideFault> {
        let Some((first, count, check)) = self.group(key)? else {
            return Ok(Vec::new());
        };
        let fits = u64::from(first) + u64::from(count) <= u64::from(self.head.entries);
        if !fits {
            return Err(SideFault::Damaged);
        }
        let mut bytes = vec![0; count as usize * ENTRY_BYTES];
        let from = self.head.entries_from() + u64::from(first) * ENTRY_BYTES as u64;
        read(&self.bytes, from, &mut bytes)?;
        if crc32c::crc32c(&bytes) != check {
            return Err(SideFault::Damaged);
        }
        let entries = bytes.as_chunks::<ENTRY_BYTES>().0;
        let of_key = entries
            .iter()
            .filter(|entry| entry[..8] == key.0.to_le_bytes());
        Ok(of_key.map(|entry| offset_of(&entry[8..])).collect())
    }

    fn group(&self, key: SideKey) -> Result<Option<(u32, u32, u32)>, SideFault> {
        if self.head.blocks == 0 {
            return Err(SideFault::Damaged);
        }
        let mut block = [0; BLOCK_BYTES];
        let place = u64::from(key.block(self.head.blocks)) * BLOCK_BYTES as u64;
        read(&self.bytes, self.head.blocks_from() + place, &mut block)?;
        if crc32c::crc32c(&block[4..]).to_le_bytes() != block[..4] {
            return Err(SideFault::Damaged);
        }
        let filter = &block[FILTER_FROM..];
        let mut probes = key.probes();
        let may = probes.all(|bit| filter[bit / 8] & (1 << (bit % 8)) != 0);
        let number = |from: usize| small_at(&block[from..]);
        Ok(may.then(|| (number(4), number(8), number(12))))
    }

    /// What a start needs of the segment.
    pub fn start(&self) -> Result<SideStart, SideFault> {
        let mut bytes = vec![0; self.head.start_bytes as usize];
        read(&self.bytes, HEAD_BYTES as u64, &mut bytes)?;
        SideStart::read(&bytes).ok_or(SideFault::Damaged)
    }

    /// Where texts and contexts stand, by table and number.
    pub fn names(&self) -> Result<Vec<(NameKey, u64)>, SideFault> {
        let len = self.head.names as usize * ENTRY_BYTES;
        let bytes = self.part(self.head.names_from(), len, self.head.names_crc)?;
        let names = bytes.as_chunks::<ENTRY_BYTES>().0.iter();
        let name =
            |name: &[u8; ENTRY_BYTES]| ((name[0], small_at(&name[4..])), offset_of(&name[8..]));
        Ok(names.map(name).collect())
    }

    /// Every 256th check and where it stands.
    pub fn places(&self) -> Result<Vec<(CheckId, u64)>, SideFault> {
        let len = self.head.places as usize * PLACE_BYTES;
        let bytes = self.part(self.head.places_from(), len, self.head.places_crc)?;
        let places = bytes.as_chunks::<PLACE_BYTES>().0.iter();
        let place = |place: &[u8; PLACE_BYTES]| {
            let mut id = [0; 16];
            id.copy_from_slice(&place[..16]);
            (CheckId(id), offset_of(&place[16..]))
        };
        Ok(places.map(place).collect())
    }

    fn part(&self, from: u64, len: usize, check: u32) -> Result<Vec<u8>, SideFault> {
        let mut bytes = vec![0; len];
        read(&self.bytes, from, &mut bytes)?;
        match crc32c::crc32c(&bytes) == check {
            true => Ok(bytes),
            false => Err(SideFault::Damaged),
        }
    }
}

/// Reads all of a buffer; a file that ends before is damaged.
fn read(bytes: &SideBytes, from: u64, buffer: &mut [u8]) -> Result<(), SideFault> {
    match bytes {
        SideBytes::File(file) => match file.read_at(from, buffer)? == buffer.len() {
            true => Ok(()),
            false => Err(SideFault::Damaged),
        },
        SideBytes::Memory(bytes) => {
            let from = usize::try_from(from).map_err(|_| SideFault::Damaged)?;
            let found = bytes.get(from..).and_then(|rest| rest.get(..buffer.len()));
            buffer.copy_from_slice(found.ok_or(SideFault::Damaged)?);
            Ok(())
        }
    }
}

fn small_at(bytes: &[u8]) -> u32 {
    bytes
        .first_chunk()
        .map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn offset_of(bytes: &[u8]) -> u64 {
    u64::from(small_at(bytes)) * 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::keys::KeyId;

    fn key(number: u64) -> SideKey {
        SideKey(xxh3_64(&number.to_le_bytes()))
    }

    /// A side file of these keys alone, each at the offset of its place.
    fn side(keys: impl Iterator<Item = SideKey>) -> Vec<u8> {
        let mut entries: Vec<(SideKey, u32)> = keys.zip(0..).collect();
        entries.sort_unstable();
        let blocks = blocks_for(entries.len());
        let mut body = Vec::new();
        put_entries(&mut body, blocks, &entries);
        let head = SideHead {
            header: Header {
                number: 3,
                segment_bytes: 8_192,
                begun: Moment(5),
                salt: [8; 32],
                key_id: KeyId([6; 8]),
                month: "2026-11".into(),
                has_secret: true,
            },
            first_index: 7,
            next_index: 9,
            end: 4_096,
            checks: (CheckId([1; 16]), CheckId([2; 16])),
            check_count: 5,
            moments: (Moment(-4), Moment(i64::MAX)),
            concerning: 1,
            start_bytes: 0,
            blocks,
            entries: entries.len() as u32,
            names: 0,
            places: 0,
            names_crc: 0,
            places_crc: 0,
            body_hash: xxh3_64(&body),
        };
        let mut bytes = Vec::new();
        head.put(&mut bytes);
        assert_eq!(bytes.len(), HEAD_BYTES);
        assert_eq!(SideHead::read(bytes.first_chunk().unwrap()), Some(head));
        bytes.extend_from_slice(&body);
        bytes
    }

    #[test]
    fn every_key_is_found_and_few_others_pass_the_filter() {
        let count = 100_000;
        let bytes = side((0..count).map(key));
        assert!(bytes.len() as u64 <= 15 * count, "{} bytes", bytes.len());
        let file = SideFile::open(SideBytes::Memory(bytes), 3).unwrap();
        for number in 0..count {
            assert_eq!(file.offsets(key(number)).unwrap(), [number * 8]);
        }
        let others = count..4 * count;
        let passed = others.filter(|number| file.group(key(*number)).unwrap().is_some());
        let passed = passed.count();
        assert!(
            (100..900).contains(&passed),
            "{passed} of 300,000 pass the filter"
        );
        for number in count..2 * count {
            assert_eq!(file.offsets(key(number)).unwrap(), [0u64; 0]);
        }
    }

    #[test]
    fn one_key_may_fill_many_times_its_block() {
        let bytes = side((0..5_000).map(|number| key(number / 1_000)));
        let file = SideFile::open(SideBytes::Memory(bytes), 3).unwrap();
        let expected: Vec<u64> = (2_000..3_000).map(|place| place * 8).collect();
        assert_eq!(file.offsets(key(2)).unwrap(), expected);
        assert_eq!(file.offsets(key(9)).unwrap(), [0u64; 0]);
    }

    #[test]
    fn a_flipped_bit_or_a_missing_end_is_damage_and_never_another_answer() {
        let whole = side((0..60).map(key));
        let answers = |bytes: Vec<u8>| {
            let file = SideFile::open(SideBytes::Memory(bytes), 3).ok()?;
            (0..80)
                .map(|number| file.offsets(key(number)).ok())
                .collect()
        };
        let expected: Option<Vec<Vec<u64>>> = answers(whole.clone());
        assert!(expected.is_some());
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << (place % 8);
            let found = answers(bytes);
            assert!(found.is_none() || found == expected, "{place}");
            let found = answers(whole[..place].to_vec());
            assert!(found.is_none() || found == expected, "{place}");
        }
    }

    #[test]
    fn an_empty_segment_has_one_block() {
        let file = SideFile::open(SideBytes::Memory(side(std::iter::empty())), 3).unwrap();
        assert_eq!(file.offsets(key(1)).unwrap(), [0u64; 0]);
        assert_eq!(file.names().unwrap(), []);
    }
}
