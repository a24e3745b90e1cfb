//! Faults in what a relay does with notices of disclosure.

use chukei_profile::linkage::Item;
use chukei_relay::{
    Step,
    faults::{Fault, Faults},
};
use chukei_xml::lexical::encode_base64;

use crate::world::*;

/// Whether a world with this fault shows it.
pub(crate) fn shows(fault: Fault, world: &World) -> bool {
    match fault {
        Fault::LosesNotices => {
            world.linkage(&ask(0), &Item::ALL).unwrap();
            world.log.all().unwrap().len() == 1
        }
        Fault::RecordsRefusedNotices => {
            let mut b = world.b.clone();
            b.party.faults = Faults::new([Fault::WrongNotice]);
            let Step::Send(notice) = b.handle(&request(&world.query(), A), NOW) else { panic!("a notice") };
            assert_eq!(world.relay(&notice, B).status, 500);
            world.log.all().unwrap().len() == 2
        }
        Fault::RecordsNoticesAgain => {
            let Step::Send(notice) = world.b.handle(&request(&world.query(), A), NOW) else {
                panic!("a notice")
            };
            assert_eq!(world.relay(&notice, B).status, 200);
            let body = resigned(&notice.body, B, |root| {
                root.find_mut("soap:Header/wsa:MessageID").set_content("urn:uuid:again");
            });
            assert_eq!(world.relay(&with_body(&notice, body), B).status, 200);
            world.log.all().unwrap().len() == 3
        }
        Fault::MisstatesTimes => {
            world.linkage(&ask(0), &Item::ALL).unwrap();
            let all = world.log.all().unwrap();
            let asked: Vec<_> = all.iter().filter_map(|entry| entry.asked.clone()).collect();
            asked != [(A.to_owned(), NOW)]
        }
        Fault::RecordsForeignNotices => {
            let Step::Send(notice) = world.b.handle(&request(&world.query(), A), NOW) else {
                panic!("a notice")
            };
            let body = resigned(&notice.body, D, |root| {
                root.find_mut("soap:Header/sb:Sender").set("providerID", D);
                root.find_mut("soap:Header/wsse:Security/wsse:BinarySecurityToken")
                    .set_content(&encode_base64(certificate(D).der()));
            });
            assert_eq!(world.relay(&with_body(&notice, body), D).status, 500);
            world.log.all().unwrap().len() == 2
        }
        other => panic!("{other:?} has nothing to do with notices"),
    }
}
