//! What is decided and why: decisions, identities, dispositions, exemptions, reasons.
//!
//! Contract, sections 1, 2 and 5; decision rules 5 and 6. The order of strength is the `Ord` here.

/// Strongest last, so that `max` is the stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    /// Nothing stands against it.
    Clear = 0,
    /// To be taken into account.
    Advise = 1,
    /// A person must look at it.
    Review = 2,
    /// Allowed within limits only.
    Limit = 3,
    /// Not allowed.
    Block = 4,
}

impl Decision {
    /// All, weakest first.
    pub const ALL: [Self; 5] = [
        Self::Clear,
        Self::Advise,
        Self::Review,
        Self::Limit,
        Self::Block,
    ];

    /// The word of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Advise => "advise",
            Self::Review => "review",
            Self::Limit => "limit",
            Self::Block => "block",
        }
    }

    /// From the word of the contract.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|decision| decision.name() == word)
    }

    /// Whether it takes something away at once: its record must be on disk before it is said.
    pub fn restricts(self) -> bool {
        self >= Self::Limit
    }
}

/// How sure we are that the party is the listed subject; surest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// Names match and nothing tells the two apart, or the number is equal and the names are not.
    Possible = 0,
    /// A masked number agrees and the names are equal.
    Probable = 1,
    /// Same number and the name does not contradict it.
    Identified = 2,
}

impl Identity {
    /// The word of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Probable => "probable",
            Self::Identified => "identified",
        }
    }
}

/// What a measure asks for. Decision rules 6.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// Refuse.
    Block,
    /// Allow within limits.
    Limit,
    /// Examine more closely.
    StrictReview,
    /// Take into account.
    Reference,
    /// Supervise more closely.
    Supervise,
    /// Take back what was granted, by procedure.
    Revoke,
    /// Help the court.
    Assist,
    /// Tell somebody.
    Notify,
    /// A benefit of a red list.
    Incentive,
}

impl Disposition {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Block,
        Self::Limit,
        Self::StrictReview,
        Self::Reference,
        Self::Supervise,
        Self::Revoke,
        Self::Assist,
        Self::Notify,
        Self::Incentive,
    ];

    /// The word of the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Limit => "limit",
            Self::StrictReview => "strict_review",
            Self::Reference => "reference",
            Self::Supervise => "supervise",
            Self::Revoke => "revoke",
            Self::Assist => "assist",
            Self::Notify => "notify",
            Self::Incentive => "incentive",
        }
    }

    /// From the word of the tables.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|disposition| disposition.name() == word)
    }
}

/// How binding a measure is. Contract 2.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Force {
    /// The law requires it.
    Mandatory,
    /// Departments may carry it out.
    Recommended,
    /// The text does not say.
    Unstated,
}

impl Force {
    /// The word of the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mandatory => "mandatory",
            Self::Recommended => "recommended",
            Self::Unstated => "unstated",
        }
    }

    /// From the word of the tables.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "mandatory" => Some(Self::Mandatory),
            "recommended" => Some(Self::Recommended),
            "unstated" => Some(Self::Unstated),
            _ => None,
        }
    }
}

/// Why a block or limit may have to give way. Decision rules 6.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExemptionKind {
    /// 生活和工作必需
    NecessaryForLifeOrWork,
    /// 经营必需
    BusinessNecessary,
    /// 基本生活
    BasicLivelihood,
    /// 法定文件
    StatutoryDocumentRequired,
    /// A permit of the court; serves every measure of the court's own list and no other.
    CourtPermit,
}

impl ExemptionKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::NecessaryForLifeOrWork,
        Self::BusinessNecessary,
        Self::BasicLivelihood,
        Self::StatutoryDocumentRequired,
        Self::CourtPermit,
    ];

    /// The word of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::NecessaryForLifeOrWork => "necessary_for_life_or_work",
            Self::BusinessNecessary => "business_necessary",
            Self::BasicLivelihood => "basic_livelihood",
            Self::StatutoryDocumentRequired => "statutory_document_required",
            Self::CourtPermit => "court_permit",
        }
    }

    /// From the word of the contract.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == word)
    }
}

/// What opens entries that are not public. Contract 2.10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthorisationKind {
    /// The subject's own written consent.
    Consent,
    /// An approval; opens organisations' entries, to authorities.
    Approval,
}

impl AuthorisationKind {
    /// The word of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::Approval => "approval",
        }
    }

    /// From the word of the contract.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "consent" => Some(Self::Consent),
            "approval" => Some(Self::Approval),
            _ => None,
        }
    }
}

/// How durable the record of an answer is when the answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// In the page cache: survives the death of the process.
    Kernel = 0,
    /// Synced: survives a power cut.
    Disk = 1,
}

impl Level {
    /// The word of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Disk => "disk",
        }
    }

    /// From the word of the contract.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "kernel" => Some(Self::Kernel),
            "disk" => Some(Self::Disk),
            _ => None,
        }
    }
}

/// Reason codes other than a missing attribute, one bit each. Decision rules 6.2 and 6.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The list is older than its limit.
    StaleList = 0,
    /// The request carries an exemption that the measure allows.
    Exemption = 1,
    /// The party is under 18.
    Minor = 2,
    /// The list owes an end date and gives none.
    NoEndDate = 3,
    /// Identity is only possible.
    IdentityPossible = 4,
    /// Identity is only probable.
    IdentityProbable = 5,
    /// Force unstated and the unit has not adopted the measure.
    ForceUnstated = 6,
    /// Recommended and the unit has not adopted the measure.
    NotAdopted = 7,
    /// The search for similar names stopped at its limit: not every similar name was seen.
    NameSearchLimit = 8,
}

impl Reason {
    /// All, in the order in which answers list them.
    pub const ALL: [Self; 9] = [
        Self::StaleList,
        Self::Exemption,
        Self::Minor,
        Self::NoEndDate,
        Self::IdentityPossible,
        Self::IdentityProbable,
        Self::ForceUnstated,
        Self::NotAdopted,
        Self::NameSearchLimit,
    ];

    /// The code of the contract.
    pub fn code(self) -> &'static str {
        match self {
            Self::StaleList => "stale_list",
            Self::Exemption => "exemption",
            Self::Minor => "minor",
            Self::NoEndDate => "no_end_date",
            Self::IdentityPossible => "identity_possible",
            Self::IdentityProbable => "identity_probable",
            Self::ForceUnstated => "force_unstated",
            Self::NotAdopted => "not_adopted",
            Self::NameSearchLimit => "name_search_limit",
        }
    }
}

/// A set of reasons, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct ReasonSet(u16);

impl ReasonSet {
    /// No reason.
    pub const EMPTY: Self = Self(0);

    /// Adds `reason`.
    pub fn add(&mut self, reason: Reason) {
        self.0 |= 1 << reason as u16;
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether `reason` is in the set.
    pub fn contains(self, reason: Reason) -> bool {
        self.0 & (1 << reason as u16) != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The reasons, in the order of `Reason::ALL`.
    pub fn iter(self) -> impl Iterator<Item = Reason> {
        Reason::ALL
            .into_iter()
            .filter(move |reason| self.contains(*reason))
    }
}
