//! Who can be listed or asked about, and in which role a person stands to an organisation.
//!
//! Contract, section 3. Plain data.

/// A person or an organisation; measures may name one of them only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectKind {
    /// Natural person.
    Person = 0,
    /// Organisation.
    Organisation = 1,
}

impl SubjectKind {
    /// The word of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Organisation => "organisation",
        }
    }

    /// From the word of the contract.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "person" => Some(Self::Person),
            "organisation" => Some(Self::Organisation),
            _ => None,
        }
    }
}

/// The seven roles through which a measure may reach a person. Contract, section 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// 法定代表人
    LegalRepresentative = 0,
    /// 主要负责人
    Principal = 1,
    /// 实际控制人
    ActualController = 2,
    /// 影响债务履行的直接责任人员
    DirectlyResponsible = 3,
    /// 董事
    Director = 4,
    /// 监事
    Supervisor = 5,
    /// 高级管理人员
    SeniorManager = 6,
}

impl Role {
    /// All roles, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::LegalRepresentative,
        Self::Principal,
        Self::ActualController,
        Self::DirectlyResponsible,
        Self::Director,
        Self::Supervisor,
        Self::SeniorManager,
    ];

    /// The word of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::LegalRepresentative => "legal_representative",
            Self::Principal => "principal",
            Self::ActualController => "actual_controller",
            Self::DirectlyResponsible => "directly_responsible",
            Self::Director => "director",
            Self::Supervisor => "supervisor",
            Self::SeniorManager => "senior_manager",
        }
    }

    /// From the word of the contract.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == word)
    }
}

/// A set of roles, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct RoleSet(u8);

impl RoleSet {
    /// No role.
    pub const EMPTY: Self = Self(0);

    /// From stored bits; bits beyond the seven roles are dropped.
    pub fn from_bits(bits: u8) -> Self {
        Self(bits & 0x7f)
    }

    /// The bits, `1 << role`.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// With `role` added.
    #[must_use]
    pub fn with(self, role: Role) -> Self {
        Self(self.0 | 1 << role as u8)
    }

    /// Roles of either set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `role` is in the set.
    pub fn contains(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    /// Whether the sets share a role.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether no role is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The roles, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL
            .into_iter()
            .filter(move |role| self.contains(*role))
    }
}

/// What a client record says about the unit; `government` entries open only to an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientKind {
    /// A company or other unit without public power.
    Enterprise,
    /// An administrative body, court or empowered organisation.
    Authority,
}

impl ClientKind {
    /// The word of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enterprise => "enterprise",
            Self::Authority => "authority",
        }
    }

    /// From the word of the contract.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "enterprise" => Some(Self::Enterprise),
            "authority" => Some(Self::Authority),
            _ => None,
        }
    }
}
