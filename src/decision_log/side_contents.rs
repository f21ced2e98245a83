//! What a segment's side file holds, gathered from the segment's frames.
//!
//! In: the bytes of a segment. Out: the bytes of its side file, or where the segment is damaged.
//! Pure. Which digests a check has is `entry.rs`.

use super::chain::{self, nonsense};
use super::counters::owes_report;
use super::entry::{self, CONTEXTS, FeedbackHead, NameKey};
use super::error::LogError;
use super::intern;
use super::record::{
    CheckId, KIND_CHECK, KIND_CONTEXT, KIND_EVENT, KIND_FEEDBACK, KIND_SEGMENT, KIND_TEXT, Position,
};
use super::segment::{self, Header};
use super::side_file::{self, HEAD_BYTES, SideHead, SideKey};
use super::side_start::SideStart;
use crate::model::term::Moment;
use crate::storage::append::{self, Frame, HEADER_BYTES, ScanEnd};
use std::collections::HashSet;
use xxhash_rust::xxh3::xxh3_64;

/// Checks between two places that are held.
pub(super) const CHECKS_A_PLACE: u64 = 256;

/// Whether more records may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fullness {
    /// A later segment has records: all of this one is there or it is damaged.
    Full,
    /// The last one: its tail may be torn, or be written just now.
    Last,
}

/// Bytes of the side file of a segment; `None` where it has no frame.
///
/// Errors: damage, a format not known.
pub(super) fn side_of(
    number: u64,
    bytes: &[u8],
    fullness: Fullness,
) -> Result<Option<Vec<u8>>, LogError> {
    let mut gathered = Gathered::default();
    let end = scan(number, bytes, fullness, |frame| gathered.see(frame))?;
    let Some((header, first_index)) = gathered.header.take() else {
        return Ok(None);
    };
    Ok(Some(gathered.encode(header, first_index, end, bytes)))
}

/// Shows all frames of a segment. `visit` says nothing where one makes no sense.
///
/// Errors: damage, a format not known.
pub(super) fn scan<'a>(
    number: u64,
    bytes: &'a [u8],
    fullness: Fullness,
    mut visit: impl FnMut(Frame<'a>) -> Option<()>,
) -> Result<ScanEnd, LogError> {
    let damaged = |offset, detail| LogError::Damaged {
        file: segment::file_name(number),
        offset,
        detail,
    };
    let mut header = None;
    let end = append::scan(bytes, None, |frame| {
        if frame.kind == KIND_SEGMENT {
            header = Header::read(frame.payload);
        }
        visit(frame).ok_or_else(|| nonsense(number, frame.offset))
    })?;
    if let Some(format) = end.unknown_format {
        return Err(LogError::UnknownFormat {
            file: segment::file_name(number),
            offset: end.offset,
            format,
        });
    }
    let stated = match append::is_blank(bytes, end.offset) {
        true => 0,
        false if fullness == Fullness::Full => u64::MAX,
        false => append::stated_behind(bytes, end.offset),
    };
    if stated >= end.next_index.max(1) {
        return Err(damaged(
            end.offset,
            "a record that was on the disk cannot be read",
        ));
    }
    match header {
        Some(header) if header.number != number => Err(damaged(
            0,
            "the file does not begin with the header of its segment",
        )),
        None if fullness == Fullness::Full => {
            Err(damaged(0, "a segment between others has no records"))
        }
        _ => Ok(end),
    }
}

/// What the frames have said so far.
struct Gathered {
    header: Option<(Header, u64)>,
    entries: Vec<(SideKey, u32)>,
    names: Vec<(NameKey, u32)>,
    places: Vec<(CheckId, u32)>,
    checks: Option<(CheckId, CheckId)>,
    check_count: u64,
    concerning: u64,
    moments: (Moment, Moment),
    highest_moment: Option<Moment>,
    last_frame: u64,
    feedback: Vec<(FeedbackHead, Position)>,
    owing: Vec<CheckId>,
}

impl Default for Gathered {
    fn default() -> Self {
        Self {
            header: None,
            entries: Vec::new(),
            names: Vec::new(),
            places: Vec::new(),
            checks: None,
            check_count: 0,
            concerning: 0,
            moments: (Moment(i64::MAX), Moment(i64::MIN)),
            highest_moment: None,
            last_frame: 0,
            feedback: Vec::new(),
            owing: Vec::new(),
        }
    }
}

impl Gathered {
    /// Nothing where the frame makes no sense.
    fn see(&mut self, frame: Frame<'_>) -> Option<()> {
        let payload = frame.payload;
        let place = u32::try_from(frame.offset / 8).ok()?;
        self.last_frame = frame.offset;
        self.highest_moment = self.highest_moment.max(chain::moment_of(&frame)?);
        match frame.kind {
            KIND_SEGMENT => self.header = Some((Header::read(payload)?, frame.index)),
            KIND_TEXT => {
                let text = intern::read_text(payload)?;
                self.names.push(((text.table, text.number), place));
            }
            KIND_CONTEXT => {
                let (number, _) = intern::read_context(payload)?;
                self.names.push(((CONTEXTS, number), place));
            }
            KIND_CHECK => self.see_check(payload, place)?,
            KIND_FEEDBACK => {
                let (head, _) = entry::feedback_head(payload)?;
                self.concerns(head.check_id, place);
                self.feedback.push((head, Position(frame.index)));
            }
            KIND_EVENT => {
                if let Some(check_id) = entry::event_check_id(payload)? {
                    self.concerns(check_id, place);
                }
            }
            _ => {}
        }
        Some(())
    }

    fn see_check(&mut self, payload: &[u8], place: u32) -> Option<()> {
        let head = entry::check_head(payload)?;
        for digest in entry::check_digests(payload)? {
            self.entries.push((SideKey::of_digest(&digest), place));
        }
        if self.check_count.is_multiple_of(CHECKS_A_PLACE) {
            self.places.push((head.check_id, place));
        }
        if owes_report(head.decision) {
            self.owing.push(head.check_id);
        }
        let first = self.checks.map_or(head.check_id, |checks| checks.0);
        self.checks = Some((first, head.check_id));
        self.check_count += 1;
        let (lowest, highest) = self.moments;
        self.moments = (lowest.min(head.moment), highest.max(head.moment));
        Some(())
    }

    fn concerns(&mut self, check_id: CheckId, place: u32) {
        self.entries.push((SideKey::of_check(check_id), place));
        self.concerning += 1;
    }

    /// What a start needs, of a segment with these bytes.
    fn start(&mut self, end: ScanEnd, segment: &[u8]) -> SideStart {
        let feedback = std::mem::take(&mut self.feedback);
        let reported: HashSet<CheckId> = feedback.iter().map(|(head, _)| head.check_id).collect();
        let mut owing = std::mem::take(&mut self.owing);
        owing.retain(|check_id| !reported.contains(check_id));
        let check_at = self.last_frame as usize + HEADER_BYTES - 4;
        let check = segment
            .get(check_at..)
            .and_then(|bytes| bytes.first_chunk());
        SideStart {
            synced_through: end.synced_through,
            highest_moment: self.highest_moment.unwrap_or(Moment(i64::MIN)),
            last_frame: (self.last_frame, check.copied().unwrap_or_default()),
            feedback,
            owing,
        }
    }

    fn encode(mut self, header: Header, first_index: u64, end: ScanEnd, segment: &[u8]) -> Vec<u8> {
        self.entries.sort_unstable();
        self.names.sort_unstable();
        let blocks = side_file::blocks_for(self.entries.len());
        let mut body = Vec::new();
        self.start(end, segment).put(&mut body);
        let start_bytes = body.len() as u32;
        side_file::put_entries(&mut body, blocks, &self.entries);
        let names_from = body.len();
        for ((table, number), place) in &self.names {
            body.extend_from_slice(&[*table, 0, 0, 0]);
            body.extend_from_slice(&number.to_le_bytes());
            body.extend_from_slice(&place.to_le_bytes());
        }
        let places_from = body.len();
        for (check_id, place) in &self.places {
            body.extend_from_slice(&check_id.0);
            body.extend_from_slice(&place.to_le_bytes());
            body.extend_from_slice(&[0; 4]);
        }
        let nobody = CheckId([0; 16]);
        let head = SideHead {
            header,
            first_index,
            next_index: end.next_index,
            end: end.offset,
            checks: self.checks.unwrap_or((nobody, nobody)),
            check_count: self.check_count,
            moments: self.moments,
            concerning: self.concerning,
            start_bytes,
            blocks,
            entries: self.entries.len() as u32,
            names: self.names.len() as u32,
            places: self.places.len() as u32,
            names_crc: crc32c::crc32c(&body[names_from..places_from]),
            places_crc: crc32c::crc32c(&body[places_from..]),
            body_hash: xxh3_64(&body),
        };
        let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len());
        head.put(&mut bytes);
        bytes.extend_from_slice(&body);
        bytes
    }
}
