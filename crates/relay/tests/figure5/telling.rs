//! Faults of what a responder answers.

use std::sync::Arc;

use chukei_profile::{
    Date, Scheme,
    linkage::{Eligibility, Item},
};
use chukei_relay::{Responder, faults::Fault, memory::MemoryRecords};

use crate::{faults::told, world::*};

/// Whether B answers otherwise than it has recorded.
pub fn shows(fault: Fault, world: &World) -> bool {
    match fault {
        Fault::MixesUpEligibility => told(world, &[Item::Eligibility], 0).contains("2010-10-01"),
        Fault::AnswersOnePeriod => {
            let own = number(Scheme::MedicalInsured, MEDICAL[0]);
            let mut record = world.b.records.find(&own, &day(0)).unwrap().unwrap();
            let second = Eligibility { from: day(1), ..record.eligibility[0].clone() };
            record.eligibility.push(second);
            let rows = vec![(own, record)];
            let records = Arc::new(MemoryRecords { rows });
            let b = Responder { records, ..world.b.clone() };
            let world = World { b, ..World::new() };
            told(&world, &Item::ALL, 0).matches("<ck:Eligibility").count() == 1
        }
        Fault::MisstatesRecorded => !told(world, &Item::ALL, 0).contains("recordedAt=\"2026-06-30"),
        Fault::NamesAnotherInsurer => !told(world, &Item::ALL, 0).contains(&format!("insurer=\"{B}")),
        _ => told(world, &Item::ALL, 0).contains("kind=\"other\""),
    }
}

/// A day on which the first person is insured, and the next.
fn day(after: u32) -> Date {
    Date::parse(&format!("2026-06-{:02}", after + 1)).unwrap()
}
