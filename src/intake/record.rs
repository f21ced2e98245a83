//! A record as written: which fields exist, of which JSON type. No rule of meaning is held here.
//!
//! In: a tree, or cells of a table. Out: texts that borrow from it, or the first fault: unknown,
//! forbidden or repeated field, wrong type. `null` and blank text are absent; text is trimmed.
//! Contract, section 3. Debug is not derived: numbers are in clear.

use super::fault::{Fault, FaultCode, join, shown_key, too_many};
use super::node::Node;

/// A list record as written.
#[derive(Default)]
pub struct WrittenRecord<'a> {
    /// Publisher's key.
    pub entry_id: Option<&'a str>,
    /// Id of the list.
    pub list: Option<&'a str>,
    /// Who is listed.
    pub subject: Option<WrittenParty<'a>>,
    /// Holders of roles.
    pub related: Vec<WrittenParty<'a>>,
    /// Grade.
    pub grade: Option<&'a str>,
    /// What was done.
    pub conduct: Option<&'a str>,
    /// Day the conduct ended.
    pub conduct_ended: Option<&'a str>,
    /// Able to perform but refuses.
    pub able_but_refuses: Option<bool>,
    /// Number of the final legal document.
    pub case_no: Option<&'a str>,
    /// Who listed.
    pub authority: Option<&'a str>,
    /// Division code.
    pub region: Option<&'a str>,
    /// Who supplied the record.
    pub supplier: Option<&'a str>,
    /// When it was supplied.
    pub submitted_at: Option<&'a str>,
    /// Day of publication.
    pub published: Option<&'a str>,
    /// First day of force.
    pub in_force_from: Option<&'a str>,
    /// Last day of force.
    pub in_force_until: Option<&'a str>,
    /// Law that keeps a measure after exit.
    pub retained_basis: Option<&'a str>,
    /// Who may learn of it.
    pub disclosure: Option<&'a str>,
    /// Status.
    pub status: Option<&'a str>,
    /// Where to object.
    pub recourse: Option<&'a str>,
    /// `false`: the case is unfit for publication.
    pub publishable: Option<bool>,
}

/// Subject or holder as written.
#[derive(Default)]
pub struct WrittenParty<'a> {
    /// Person or organisation.
    pub kind: Option<&'a str>,
    /// Name.
    pub name: Option<&'a str>,
    /// Other names.
    pub aliases: Vec<&'a str>,
    /// Numbers.
    pub ids: Vec<WrittenId<'a>>,
    /// Birth date.
    pub birth_date: Option<&'a str>,
    /// Gender.
    pub gender: Option<&'a str>,
    /// Role; holders only.
    pub role: Option<&'a str>,
}

/// A number as written.
#[derive(Default)]
pub struct WrittenId<'a> {
    /// Its type.
    pub id_type: Option<&'a str>,
    /// The number, full or masked.
    pub number: Option<&'a str>,
}

/// Where a party stands: only holders have roles.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Subject,
    Holder,
}

/// Members of one array of the record that are read; more are a fault.
pub const MEMBERS_MAX: usize = 1_000;

/// Reads a record. A forbidden field, at any depth, is the fault whatever else is wrong.
pub fn read<'a>(root: &'a Node<'_>) -> Result<WrittenRecord<'a>, Fault> {
    read_record(root).map_err(|fault| match find_forbidden(root) {
        Some(field) => Fault::new(
            FaultCode::ForbiddenField,
            field,
            "no list record may carry this; remove it at the source of the list",
        ),
        None => fault,
    })
}

fn read_record<'a>(root: &'a Node<'_>) -> Result<WrittenRecord<'a>, Fault> {
    let mut record = WrittenRecord::default();
    for_each_field(root, |key, value| {
        match key {
            "entry_id" => record.entry_id = text(value)?,
            "list" => record.list = text(value)?,
            "subject" => record.subject = party(value, Place::Subject)?,
            "related" => {
                record.related = members(value, |member| party(member, Place::Holder))?;
            }
            "grade" => record.grade = text(value)?,
            "conduct" => record.conduct = text(value)?,
            "conduct_ended" => record.conduct_ended = text(value)?,
            "able_but_refuses" => record.able_but_refuses = boolean(value)?,
            "case_no" => record.case_no = text(value)?,
            "authority" => record.authority = text(value)?,
            "region" => record.region = text(value)?,
            "supplier" => record.supplier = text(value)?,
            "submitted_at" => record.submitted_at = text(value)?,
            "published" => record.published = text(value)?,
            "in_force_from" => record.in_force_from = text(value)?,
            "in_force_until" => record.in_force_until = text(value)?,
            "retained_basis" => record.retained_basis = text(value)?,
            "disclosure" => record.disclosure = text(value)?,
            "status" => record.status = text(value)?,
            "recourse" => record.recourse = text(value)?,
            "publishable" => record.publishable = boolean(value)?,
            _ => return Err(unknown()),
        }
        Ok(())
    })?;
    Ok(record)
}

fn party<'a>(node: &'a Node<'_>, place: Place) -> Result<Option<WrittenParty<'a>>, Fault> {
    if *node == Node::Null {
        return Ok(None);
    }
    let mut party = WrittenParty::default();
    for_each_field(node, |key, value| {
        match key {
            "kind" => party.kind = text(value)?,
            "name" => party.name = text(value)?,
            "aliases" => party.aliases = members(value, text)?,
            "ids" => party.ids = members(value, id)?,
            "birth_date" => party.birth_date = text(value)?,
            "gender" => party.gender = text(value)?,
            "role" if place == Place::Holder => party.role = text(value)?,
            _ => return Err(unknown()),
        }
        Ok(())
    })?;
    Ok(Some(party))
}

fn id<'a>(node: &'a Node<'_>) -> Result<Option<WrittenId<'a>>, Fault> {
    if *node == Node::Null {
        return Ok(None);
    }
    let mut id = WrittenId::default();
    for_each_field(node, |key, value| {
        match key {
            "type" => id.id_type = text(value)?,
            "number" => id.number = text(value)?,
            _ => return Err(unknown()),
        }
        Ok(())
    })?;
    Ok(Some(id))
}

/// Calls `take` for each field; its faults get the field's name in front.
fn for_each_field<'a>(
    node: &'a Node<'_>,
    mut take: impl FnMut(&str, &'a Node<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let Node::Object(fields) = node else {
        return Err(wrong_type("an object is expected here"));
    };
    // An unknown key ends the loop, so the look back is bounded by the number of known ones.
    for (place, (key, value)) in fields.iter().enumerate() {
        if fields[..place].iter().any(|(earlier, _)| earlier == key) {
            return Err(Fault::new(
                FaultCode::RepeatedKey,
                shown_key(key),
                "the key stands twice in one object; keep one",
            ));
        }
        take(key, value).map_err(|fault| fault.within(shown_key(key)))?;
    }
    Ok(())
}

/// Members of an array that are not null, at most `MEMBERS_MAX`.
fn members<'a, 'n, T>(
    node: &'a Node<'n>,
    mut take: impl FnMut(&'a Node<'n>) -> Result<Option<T>, Fault>,
) -> Result<Vec<T>, Fault> {
    let list = match node {
        Node::Null => return Ok(Vec::new()),
        Node::List(list) => list,
        _ => return Err(wrong_type("a list is expected here")),
    };
    if list.len() > MEMBERS_MAX {
        return Err(too_many(MEMBERS_MAX));
    }
    let mut taken = Vec::with_capacity(list.len());
    for (place, member) in list.iter().enumerate() {
        match take(member).map_err(|fault| fault.within_member(place))? {
            Some(member) => taken.push(member),
            None => {
                let reason = "the member is null or blank; give it a value or leave it out";
                let fault = Fault::new(FaultCode::MissingField, "", reason);
                return Err(fault.within_member(place));
            }
        }
    }
    Ok(taken)
}

fn text<'a>(node: &'a Node<'_>) -> Result<Option<&'a str>, Fault> {
    match node {
        Node::Null => Ok(None),
        Node::Text(text) => {
            let text = text.trim();
            Ok((!text.is_empty()).then_some(text))
        }
        _ => Err(wrong_type("text is expected here")),
    }
}

fn boolean(node: &Node<'_>) -> Result<Option<bool>, Fault> {
    match node {
        Node::Null => Ok(None),
        Node::Bool(value) => Ok(Some(*value)),
        _ => Err(wrong_type("true or false is expected here")),
    }
}

fn unknown() -> Fault {
    Fault::new(
        FaultCode::UnknownField,
        "",
        "a list record has no such field; remove or rename it",
    )
}

fn wrong_type(reason: &'static str) -> Fault {
    Fault::new(FaultCode::WrongType, "", reason)
}

/// Fields that no record may carry, folded: lower case without separators. Contract, section 3
/// (FJ-2015-165 art. 14: faith, genes, body, illness, wealth); whoever reported (S40).
const FORBIDDEN: [&str; 31] = [
    "religion",
    "genes",
    "gene",
    "fingerprint",
    "fingerprints",
    "bloodtype",
    "disease",
    "diseases",
    "medicalhistory",
    "income",
    "deposits",
    "deposit",
    "securities",
    "insurance",
    "realestate",
    "taxamount",
    "宗教信仰",
    "基因",
    "指纹",
    "血型",
    "疾病",
    "病史",
    "收入",
    "存款",
    "有价证券",
    "商业保险",
    "不动产",
    "纳税数额",
    "举报人",
    "投诉人",
    "检举人",
];

/// Beginnings of names of fields about whoever reported.
const REPORTERS: [&str; 6] = [
    "reporter",
    "reportedby",
    "informant",
    "informer",
    "whistleblower",
    "complainant",
];

/// Path of the first forbidden field, in the order of the text.
fn find_forbidden(node: &Node<'_>) -> Option<String> {
    match node {
        Node::Object(fields) => fields.iter().find_map(|(key, value)| {
            if let Some(name) = forbidden(key) {
                return Some(name);
            }
            find_forbidden(value).map(|inner| join(shown_key(key), &inner))
        }),
        Node::List(members) => members.iter().enumerate().find_map(|(place, member)| {
            find_forbidden(member).map(|inner| join(&format!("[{place}]"), &inner))
        }),
        _ => None,
    }
}

/// The name to show, where a field of this name is forbidden.
pub(super) fn forbidden(key: &str) -> Option<String> {
    if key.len() > 40 {
        return None;
    }
    let folded: String = key
        .chars()
        .filter(|c| !matches!(c, '_' | '-' | ' ' | '.'))
        .flat_map(char::to_lowercase)
        .collect();
    if let Some(name) = FORBIDDEN.into_iter().find(|name| *name == folded) {
        let shown = shown_key(key);
        return Some(if shown == "?" { name } else { shown }.to_owned());
    }
    let reporter = REPORTERS
        .into_iter()
        .find(|name| folded.starts_with(name))?;
    let shown = shown_key(key);
    Some(if shown == "?" { reporter } else { shown }.to_owned())
}
