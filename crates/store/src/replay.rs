//! Memory of what was used.

use chukei_crypto::UnixTime;
use chukei_relay::{ReplayStore, Unavailable};

use crate::Store;

impl ReplayStore for Store {
    fn first_use(&self, owner: &str, id: &str, until: UnixTime) -> Result<bool, Unavailable> {
        let (owner, id) = (owner.to_owned(), id.to_owned());
        self.writer.write(move |connection| {
            // A second use never shortens the memory of the first.
            let sql = "INSERT INTO used (owner, id, until) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
            Ok(connection.prepare_cached(sql)?.execute((&owner, &id, until.0))? == 1)
        })
    }
}

impl Store {
    /// Forgets what was to be remembered until before `now`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn forget_before(&self, now: UnixTime) -> Result<usize, Unavailable> {
        self.writer.write(move |connection| {
            connection.prepare_cached("DELETE FROM used WHERE until < ?1")?.execute([now.0])
        })
    }
}
