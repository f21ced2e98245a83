//! The nine types of identifier of the contract, section 3, and to whom each belongs.

/// Type of an identifier number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum IdType {
    /// 公民身份号码, GB 11643.
    CitizenId = 0,
    /// 护照
    Passport = 1,
    /// 港澳居民来往内地通行证
    HkMacauPermit = 2,
    /// 台湾居民来往大陆通行证
    TaiwanPermit = 3,
    /// 外国人永久居留身份证
    ForeignerPermit = 4,
    /// 军官证
    MilitaryId = 5,
    /// 统一社会信用代码, GB 32100.
    CreditCode = 6,
    /// 组织机构代码, GB 11714.
    OrgCode = 7,
    /// 工商注册号
    RegistrationNo = 8,
}

impl IdType {
    /// All types, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::CitizenId,
        Self::Passport,
        Self::HkMacauPermit,
        Self::TaiwanPermit,
        Self::ForeignerPermit,
        Self::MilitaryId,
        Self::CreditCode,
        Self::OrgCode,
        Self::RegistrationNo,
    ];

    /// The word of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::CitizenId => "citizen_id",
            Self::Passport => "passport",
            Self::HkMacauPermit => "hk_macau_permit",
            Self::TaiwanPermit => "taiwan_permit",
            Self::ForeignerPermit => "foreigner_permit",
            Self::MilitaryId => "military_id",
            Self::CreditCode => "credit_code",
            Self::OrgCode => "org_code",
            Self::RegistrationNo => "registration_no",
        }
    }

    /// From the word of the contract.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == word)
    }

    /// From its stored number.
    pub fn from_u8(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Whether persons bear it; organisations bear the others.
    pub fn of_person(self) -> bool {
        (self as u8) <= Self::MilitaryId as u8
    }

    /// Whether it decides first who somebody is. Decision rules 3.1.
    pub fn is_decisive(self) -> bool {
        matches!(self, Self::CitizenId | Self::CreditCode)
    }
}

#[cfg(test)]
mod tests {
    use super::IdType;

    #[test]
    fn numbers_and_words_lead_back_to_their_type() {
        for (number, id_type) in IdType::ALL.into_iter().enumerate() {
            assert_eq!(id_type as usize, number);
            assert_eq!(IdType::from_u8(number as u8), Some(id_type));
            assert_eq!(IdType::parse(id_type.name()), Some(id_type));
        }
        assert_eq!(IdType::from_u8(9), None);
        assert_eq!(IdType::parse("Citizen_ID"), None);
    }

    #[test]
    fn each_kind_of_subject_has_one_decisive_type() {
        for of_person in [true, false] {
            let types = IdType::ALL.into_iter();
            let decisive = types.filter(|t| t.is_decisive() && t.of_person() == of_person);
            assert_eq!(decisive.count(), 1);
        }
    }
}
