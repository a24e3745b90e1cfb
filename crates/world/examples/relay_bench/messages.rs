//! Requests of the requester, each about one person, signed beforehand on all cores.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use chukei_crypto::{SignatureAlgorithm, Signer, UnixTime};
use chukei_profile::{Purpose, Scheme};
use chukei_relay::{Ask, Party as Sender, Requester, memory::MemoryReplay};
use chukei_world::World;

use crate::crowd::{self, REQUESTER, TARGET};

const PURPOSE: &str = "urn:chukei:1.0:purpose:eligibility-check";

/// So many requests about persons among `persons`, whole with their HTTP heads.
pub(crate) fn signed(world: &World, endpoint: &str, count: usize, persons: u64, rsa: bool) -> Vec<Vec<u8>> {
    let now = UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed());
    let cores = std::thread::available_parallelism().unwrap().get();
    let mut parts = endpoint.splitn(4, '/').skip(2);
    let (host, path) = (parts.next().unwrap(), parts.next().unwrap());
    std::thread::scope(|scope| {
        let make = |core: usize| {
            let requester = requester(world, now, rsa);
            (core..count).step_by(cores).map(move |n| {
                let ask = Ask {
                    req_id: "1".into(),
                    whom: crowd::asked(crowd::scattered(n as u64, persons)).into(),
                    wanted: Scheme::MedicalInsured,
                    target: Some(chukei_world::folder::entity(TARGET)),
                    via_relay: false,
                };
                let sent = requester.map(&[ask], Purpose::from_uri(PURPOSE).unwrap(), now).unwrap();
                let head = format!(
                    "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/xml; charset=utf-8\r\n\
                     SOAPAction: {}\r\nContent-Length: {}\r\n\r\n",
                    sent.soap_action,
                    sent.body.len()
                );
                [head.as_bytes(), &sent.body].concat()
            })
        };
        let jobs: Vec<_> =
            (0..cores).map(|core| scope.spawn(move || make(core).collect::<Vec<_>>())).collect();
        jobs.into_iter().flat_map(|job| job.join().unwrap()).collect()
    })
}

fn requester(world: &World, now: UnixTime, rsa: bool) -> Requester {
    let keys = world.keys(REQUESTER).unwrap();
    let (key, certificate) = if rsa { keys.sign } else { keys.p256.unwrap() };
    let algorithm = if rsa { SignatureAlgorithm::RsaSha256 } else { SignatureAlgorithm::EcdsaSha256 };
    let signer: Arc<dyn Signer> = Arc::new(key.signer(algorithm).unwrap());
    let own = world.party(REQUESTER).unwrap();
    let relay = world.party("relay").unwrap().entity.clone();
    let federation = Arc::new(world.federation(now).unwrap());
    let replay = Arc::new(MemoryReplay::default());
    Requester {
        party: Sender::new(&own.entity, &own.endpoint, &relay, signer, certificate, federation, replay),
    }
}
