//! Who may ask what, and who takes queries. A store that does not answer allows nothing.

use chukei_profile::Purpose;
use chukei_relay::{Agreements, Unavailable};

use crate::Store;
use crate::sql::{Value, values};

/// That a requester may ask for the numbers of a target for a purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Entity identifier of who asks.
    pub requester: String,
    /// Entity identifier of whose number is wanted.
    pub target: String,
    /// What for.
    pub purpose: Purpose,
    /// Whether the relay may present the envelope too.
    pub via_relay: bool,
}

impl Store {
    /// Replaces all agreements, portals, and parties that may have entries withheld.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn set_agreements(
        &self,
        agreements: Vec<Agreement>,
        portals: Vec<String>,
        withholders: Vec<String>,
    ) -> Result<(), Unavailable> {
        self.writer.write(move |connection| {
            connection.batch("DELETE FROM agreement; DELETE FROM portal; DELETE FROM withholder;")?;
            for one in &agreements {
                let values = values![&one.requester, &one.target, one.purpose.uri(), one.via_relay];
                connection.execute("INSERT INTO agreement VALUES (?1, ?2, ?3, ?4)", values)?;
            }
            for portal in &portals {
                connection.execute("INSERT INTO portal VALUES (?1)", values![portal])?;
            }
            for party in &withholders {
                connection.execute("INSERT INTO withholder VALUES (?1)", values![party])?;
            }
            Ok(())
        })
    }

    /// Takes a party out of service, or back.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn set_in_service(&self, party: &str, in_service: bool) -> Result<(), Unavailable> {
        let party = party.to_owned();
        let sql = if in_service {
            "DELETE FROM out_of_service WHERE party = ?1"
        } else {
            "INSERT INTO out_of_service VALUES (?1) ON CONFLICT DO NOTHING"
        };
        self.writer.write(move |connection| connection.execute(sql, values![&party]).map(drop))
    }

    fn is_there(&self, sql: &'static str, key: &[Value<'_>]) -> Result<bool, Unavailable> {
        self.read(|connection| connection.exists(sql, key))
    }
}

impl Agreements for Store {
    fn allow(&self, requester: &str, target: Option<&str>, purpose: Purpose) -> bool {
        let purpose = purpose.uri();
        let found = match target {
            Some(target) => self.is_there(
                "SELECT 1 FROM agreement WHERE requester = ?1 AND purpose = ?2 AND target = ?3",
                values![requester, purpose, target],
            ),
            None => self.is_there(
                "SELECT 1 FROM agreement WHERE requester = ?1 AND purpose = ?2",
                values![requester, purpose],
            ),
        };
        found == Ok(true)
    }

    fn via_relay(&self, requester: &str, target: &str) -> bool {
        let sql = "SELECT 1 FROM agreement WHERE requester = ?1 AND target = ?2 AND via_relay = 1";
        self.is_there(sql, values![requester, target]) == Ok(true)
    }

    fn is_portal(&self, party: &str) -> bool {
        self.is_there("SELECT 1 FROM portal WHERE party = ?1", values![party]) == Ok(true)
    }

    fn may_withhold(&self, party: &str) -> bool {
        self.is_there("SELECT 1 FROM withholder WHERE party = ?1", values![party]) == Ok(true)
    }

    fn in_service(&self, party: &str) -> bool {
        self.is_there("SELECT 1 FROM out_of_service WHERE party = ?1", values![party]) == Ok(false)
    }
}
