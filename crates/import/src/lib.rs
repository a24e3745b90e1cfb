//! Files of municipalities, insurers and hospitals: octets in, checked changes and a report out (design.md §4.9; R-076, R-161,
//! R-165, R-238; domain.md §2.5). Pure: no file, clock or store. `FORMAT.md` describes the files.
//!
//! * A file says whose it is, of which town, which place it has among the source's files and which file was before it. It ends
//!   with its count and its digest. One that is lost, repeated, out of order, cut short, changed or another town's is refused
//!   before anything of it is read.
//! * Every mistake has a line, a column and a cause. What a file says is never repeated in a report.
//! * Names may stand in files, because registers export them. They are looked at for characters that are not portable (外字),
//!   and forgotten: they decide nothing and are given to nobody.
//!
//! ```
//! use chukei_import::{Expected, File};
//! use chukei_relay::numbers::Level;
//! let body = "H,chukei-import,1,UTF-8,town,,1,change,\r\n\
//!             P,town,131016\r\n\
//!             C,異動区分,番号種別,付番者,番号,新番号種別,新付番者,新番号,異動日,管理バージョン番号\r\n\
//!             D,停止,resident-number,131016,0001,,,,2009-04-01,2\r\n";
//! let digest = chukei_crypto::sha256(body.as_bytes()).map(|octet| format!("{octet:02x}")).concat();
//! let file = File::open(format!("{body}T,1,{digest}\r\n").into_bytes()).unwrap();
//! assert_eq!(file.check(&Expected { source: "town", town: None, sequence: 1, previous: None }), []);
//! assert_eq!(file.changes(Level::Strict).filter(Result::is_ok).count(), 1);
//! ```

#![forbid(unsafe_code)]

mod csv;
mod fields;
mod file;
mod layout;
mod report;
mod text;
mod xml;

pub use file::{Changes, Encoding, Expected, File, Header};
pub use layout::Layout;
pub use report::{Cause, Finding};
