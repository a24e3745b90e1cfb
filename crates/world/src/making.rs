//! Making a world folder: the whole of it, or nothing.

use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use chukei_crypto::{Certificate, PrivateKey, SignatureAlgorithm, UnixTime};
use chukei_saml::metadata::Entity;
use chukei_xml_security::{KeyUse, Signing};
use openssl::pkey::{PKey, Private};

use crate::folder::{AgreementEntry, Index, PartyEntry, Plan, Role, entity};
use crate::pki::{self, Authority, Issued, Use};
use crate::{WorldError, cards, keys, people};

/// Name, role and out of service, in the order of ports and serial numbers.
pub(crate) const PARTIES: [(&str, Role, bool); 9] = [
    ("relay", Role::Relay, false),
    ("insurer-a", Role::Requester, false),
    ("insurer-b", Role::Responder, false),
    ("insurer-c", Role::Responder, false),
    ("insurer-d", Role::Requester, false),
    ("insurer-e", Role::Responder, true),
    ("portal", Role::Portal, false),
    ("hospital", Role::Requester, false),
    ("stranger", Role::Stranger, false),
];

/// They also sign with P-256, so that both algorithms run in one world.
pub(crate) const WITH_P256: [&str; 4] = ["insurer-a", "insurer-b", "insurer-c", "insurer-d"];

/// They have signed with a further P-256 key, whose certificate has ended.
const WITH_EXPIRED: [&str; 2] = ["insurer-a", "insurer-b"];

/// Its metadata begins with keys that nobody can seal for: its P-256 key, which says no `use`, and an RSA key whose certificate has
/// ended.
const MIXED: &str = "insurer-c";

/// The relay lets them have entries withheld from the person.
const MAY_WITHHOLD: [&str; 2] = ["insurer-a", "insurer-b"];

/// Requester, target and purposes. No agreement lets `insurer-d` ask for numbers of `insurer-b`.
const AGREEMENTS: [(&str, &str, &[&str]); 5] = [
    ("insurer-a", "insurer-b", &["combined-high-cost", "eligibility-check", "benefit-adjustment"]),
    ("insurer-a", "insurer-c", &["combined-high-cost", "eligibility-check"]),
    ("insurer-a", "insurer-e", &["combined-high-cost"]),
    ("insurer-d", "insurer-c", &["combined-high-cost", "eligibility-check"]),
    // The second, so that what a session is not for is refused by the session alone.
    ("hospital", "insurer-b", &["eligibility-check", "benefit-adjustment"]),
];

/// Makes a world in a folder that does not exist yet, or is empty.
pub(crate) fn make(dir: &Path, plan: Plan) -> Result<(), WorldError> {
    let occupied = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) || dir.is_file();
    if occupied {
        return Err(WorldError::Exists(dir.to_owned()));
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(parent).map_err(|error| WorldError::io(parent, error))?;
    let name = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let scratch = parent.join(format!(".{name}.{}.part", std::process::id()));
    let made = fill(&scratch, plan)
        .and_then(|()| fs::rename(&scratch, dir).map_err(|error| WorldError::io(dir, error)));
    if made.is_err() {
        // Nothing half-written stays behind; that it cannot be removed is the smaller problem of the two.
        let _ = fs::remove_dir_all(&scratch);
    }
    made
}

fn fill(dir: &Path, plan: Plan) -> Result<(), WorldError> {
    let ports = ports(plan.base_port)?;
    let party = |&((name, role, out_of_service), port): &((&str, Role, bool), u16)| PartyEntry {
        name: name.to_owned(),
        entity: entity(name),
        role,
        endpoint: format!(
            "https://{}:{port}/{}",
            Ipv4Addr::LOCALHOST,
            if role == Role::Relay { "relay" } else { "linkage" }
        ),
        out_of_service,
        may_withhold: MAY_WITHHOLD.contains(&name),
    };
    let parties: Vec<PartyEntry> = PARTIES.into_iter().zip(ports).map(|entry| party(&entry)).collect();
    let agreement = |&(requester, target, purposes): &(&str, &str, &[&str])| AgreementEntry {
        requester: requester.to_owned(),
        target: target.to_owned(),
        purposes: purposes.iter().map(|&purpose| purpose.to_owned()).collect(),
    };
    let index = Index {
        seed: plan.seed,
        party: parties.clone(),
        agreement: AGREEMENTS.iter().map(agreement).collect(),
    };
    let text = toml::to_string(&index).map_err(|error| WorldError::Made(error.to_string()))?;
    let head = "# Made by `chukei world`. Everything here is synthetic and for tests only (TEST).\n\n";
    file(dir, "world.toml", format!("{head}{text}").as_bytes())?;

    let people = people::made(plan.seed, plan.crowd);
    file(
        dir,
        "people.json",
        people.to_json().map_err(|error| WorldError::Made(error.to_string()))?.as_bytes(),
    )?;

    let made = |error: openssl::error::ErrorStack| WorldError::Made(error.to_string());
    let cards = serde_json::to_string_pretty(&cards::made(plan.seed)?);
    let cards = cards.map_err(|error| WorldError::Made(error.to_string()))?;
    file(dir, "cards.json", format!("{cards}\n").as_bytes())?;
    let raw = raw_keys(plan).map_err(made)?;
    let authority = Authority::new(plan.seed).map_err(made)?;
    file(dir, "ca/ca.pem", &authority.certificate_pem().map_err(made)?)?;
    let mut issued = Vec::new();
    for (number, (purpose, usage, key)) in (2..).zip(raw) {
        let stem = if usage == Use::Federation { "federation".to_owned() } else { format!("keys/{purpose}") };
        let common = format!("{} TEST", purpose.replace('/', " "));
        let one = if purpose.ends_with(EXPIRED) {
            authority.issue_expired(&common, number, usage, key)
        } else {
            authority.issue(&common, number, usage, key)
        };
        let one = one.map_err(made)?;
        let (key, certificate) = match usage {
            Use::Federation => (format!("{stem}/key.pem"), format!("{stem}/cert.pem")),
            _ => (format!("{stem}.key"), format!("{stem}.pem")),
        };
        file(dir, &key, &one.key_pem().map_err(made)?)?;
        file(dir, &certificate, &one.certificate_pem().map_err(made)?)?;
        issued.push((purpose, usage, one));
    }
    metadata(dir, &parties, &issued)
}

/// Ends the names of keys whose certificate has ended.
const EXPIRED: &str = "-expired";

/// Every key with what it is for, made on all cores: primes take time.
fn raw_keys(
    Plan { seed, p256, .. }: Plan,
) -> Result<Vec<(String, Use, PKey<Private>)>, openssl::error::ErrorStack> {
    let mut wanted = vec![("federation".to_owned(), Use::Federation)];
    for (name, ..) in PARTIES {
        wanted.push((format!("{name}/sign"), Use::Sign));
        if name == MIXED {
            wanted.push((format!("{name}/decrypt{EXPIRED}"), Use::Decrypt));
        }
        wanted.push((format!("{name}/decrypt"), Use::Decrypt));
        if p256 || WITH_P256.contains(&name) {
            wanted.push((format!("{name}/sign-p256"), Use::Sign));
        }
        if WITH_EXPIRED.contains(&name) {
            wanted.push((format!("{name}/sign{EXPIRED}"), Use::Sign));
        }
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let make = |(purpose, usage): &(String, Use)| {
        let is_p256 = purpose.contains("/sign-");
        let key = if is_p256 { keys::p256(seed, purpose) } else { keys::rsa2048(seed, purpose) };
        Ok((purpose.clone(), *usage, key?))
    };
    let size = wanted.len().div_ceil(cores);
    std::thread::scope(|scope| {
        let jobs: Vec<_> = wanted
            .chunks(size)
            .map(|chunk| scope.spawn(move || chunk.iter().map(make).collect::<Result<Vec<_>, _>>()))
            .collect();
        let mut all = Vec::new();
        for job in jobs {
            all.extend(job.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(all)
    })
}

fn metadata(dir: &Path, parties: &[PartyEntry], issued: &[(String, Use, Issued)]) -> Result<(), WorldError> {
    let wrong = |error: &dyn std::fmt::Display| WorldError::Made(error.to_string());
    let certificate = |issued: &Issued| {
        let der = issued.certificate.to_der().map_err(|error| wrong(&error))?;
        Certificate::from_der(&der).map_err(|error| wrong(&error))
    };
    let federation = issued.iter().find(|(_, usage, _)| *usage == Use::Federation).map(|(.., one)| one);
    let federation = federation.ok_or_else(|| wrong(&"no federation key"))?;
    let pem = federation.key_pem().map_err(|error| wrong(&error))?;
    let key = PrivateKey::from_pem(&String::from_utf8_lossy(&pem)).map_err(|error| wrong(&error))?;
    let signer = key.signer(SignatureAlgorithm::RsaSha256).map_err(|error| wrong(&error))?;
    for party in parties.iter().filter(|party| party.role != Role::Stranger) {
        let mut certificates = Vec::new();
        for (purpose, usage, one) in issued {
            if purpose.split('/').next() == Some(&party.name) {
                let key_use = if *usage == Use::Sign { KeyUse::Signing } else { KeyUse::Encryption };
                match purpose.strip_suffix("/sign-p256") {
                    Some(MIXED) => certificates.insert(0, (KeyUse::Both, certificate(one)?)),
                    _ => certificates.push((key_use, certificate(one)?)),
                }
            }
        }
        let entity = Entity {
            id: party.entity.clone(),
            valid_until: UnixTime(pki::NOT_AFTER),
            certificates,
            endpoint: party.endpoint.clone(),
        };
        let text = entity.write(&Signing::new(&signer)).map_err(|error| wrong(&error))?;
        file(dir, &format!("metadata/{}.xml", party.name), &text)?;
    }
    Ok(())
}

/// Ports that the kernel gives to no outgoing connection: one of those could take a port before the world is started.
const FREE: Range<u16> = 10_000..32_000;

/// One port for each party. Free ports are all held at once while they are chosen, so that they differ, and each world of
/// a process, and most processes, look for them elsewhere.
fn ports(base: Option<u16>) -> Result<Vec<u16>, WorldError> {
    if let Some(base) = base {
        let last = u16::try_from(PARTIES.len() - 1).ok().and_then(|more| base.checked_add(more));
        return last.map(|last| (base..=last).collect()).ok_or(WorldError::Ports { base });
    }
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut held = Vec::new();
    for _ in FREE {
        let place = std::process::id().wrapping_mul(2039).wrapping_add(NEXT.fetch_add(1, Ordering::SeqCst));
        let place = place % u32::from(FREE.end - FREE.start);
        let port = u16::try_from(place).map_or(FREE.start, |place| FREE.start + place);
        held.extend(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok().map(|listener| (port, listener)));
        if held.len() == PARTIES.len() {
            return Ok(held.into_iter().map(|(port, _)| port).collect());
        }
    }
    Err(WorldError::Ports { base: FREE.start })
}

/// Writes a file; keys so that only their owner reads them.
fn file(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), WorldError> {
    let path = dir.join(name);
    let write = || -> io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        if name.ends_with(".key") || name.ends_with("key.pem") {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        let mut file = options.open(&path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| WorldError::io(&path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_must_fit() {
        assert_eq!(ports(Some(65_527)).unwrap().len(), PARTIES.len());
        assert!(matches!(ports(Some(65_528)), Err(WorldError::Ports { base: 65_528 })));
        let mut free = ports(None).unwrap();
        free.sort_unstable();
        free.dedup();
        assert_eq!(free.len(), PARTIES.len());
    }
}
