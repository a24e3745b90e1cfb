//! Which rows there are, the check before each, and the row itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use chukei_bench_side::{Operation, Scheme, Side};
use chukei_xml::{Name, ns};

use crate::documents::{Assertion, Signed, Spelling, tampered};
use crate::keys::KeyPair;
use crate::measure::{Plan, Series, interleaved};
use crate::random::Random;
use crate::report::{Goal, Growth, Medians, Row, Stages};
use crate::{floor, own, peers};

pub struct Options {
    pub quick: bool,
    pub strict: bool,
    pub no_peers: bool,
    pub seed: u64,
    pub only: String,
    pub json: Option<PathBuf>,
    pub sample: Option<PathBuf>,
}

/// One row to be.
pub struct Case {
    name: String,
    operation: Operation,
    scheme: Scheme,
    content: Content,
    /// At most so many times the floor, and so many times the fastest peer.
    goals: (Option<f64>, Option<f64>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Assertion(usize, Spelling),
    NameId,
}

pub struct Bench {
    quick: bool,
    seed: u64,
    only: String,
    /// `None`: no peers at all.
    second_process: Option<PathBuf>,
    rsa: KeyPair,
    p256: KeyPair,
}

/// Octets of the assertion that the goals speak of.
const USUAL: usize = 5_400;
/// Documents that are checked again with an octet changed.
const TWINS: usize = 4;

impl Bench {
    pub fn new(options: &Options, second_process: PathBuf) -> Self {
        let (rsa, p256) = (KeyPair::generate(Scheme::Rsa), KeyPair::generate(Scheme::P256));
        let second_process = (!options.no_peers).then_some(second_process);
        Self {
            quick: options.quick,
            seed: options.seed,
            only: options.only.clone(),
            second_process,
            rsa,
            p256,
        }
    }

    pub fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        let mut add = |name: &str, operation, scheme, content, goals| {
            if name.contains(&self.only) {
                cases.push(Case { name: name.to_owned(), operation, scheme, content, goals });
            }
        };
        for (name, scheme, goals) in
            [("rsa", Scheme::Rsa, (Some(1.8), Some(0.5))), ("p256", Scheme::P256, (Some(1.25), None))]
        {
            for (size, octets) in [
                ("2k", 2 << 10),
                ("5.4k", USUAL),
                ("10k", 10 << 10),
                ("100k", 100 << 10),
                ("1000k", 1000 << 10),
            ] {
                let goals = if octets == USUAL { goals } else { (None, None) };
                let content = Content::Assertion(octets, Spelling::Japanese);
                add(&format!("verify-{name}-{size}"), Operation::Verify, scheme, content, goals);
                if octets == USUAL {
                    let content = Content::Assertion(octets, Spelling::Ascii);
                    add(&format!("verify-{name}-{size}-ascii"), Operation::Verify, scheme, content, goals);
                }
            }
        }
        let usual = Content::Assertion(USUAL, Spelling::Japanese);
        add("sign-rsa-5.4k", Operation::Sign, Scheme::Rsa, usual, (Some(1.03), None));
        add("sign-p256-5.4k", Operation::Sign, Scheme::P256, usual, (Some(1.25), None));
        for (name, content) in [("5.4k", usual), ("name-id", Content::NameId)] {
            add(&format!("seal-rsa-{name}"), Operation::Seal, Scheme::Rsa, content, (Some(1.15), None));
            add(&format!("open-rsa-{name}"), Operation::Open, Scheme::Rsa, content, (Some(1.05), None));
        }
        cases
    }

    pub fn run(&mut self, case: &Case) -> Row {
        let mut random = Random::new(self.seed);
        let large = matches!(case.content, Content::Assertion(100_000.., _));
        let documents = match (self.quick, large) {
            (false, false) => 128,
            (false, true) => 100,
            (true, false) => 32,
            (true, true) => 3,
        };
        let (mut sides, bytes, left_out) = match case.operation {
            Operation::Verify => self.verifying(case, documents, &mut random),
            Operation::Sign => self.signing(case, documents, &mut random),
            Operation::Seal | Operation::Open => self.sealing(case, documents, &mut random),
        };
        let (batch, warm) = if large { (2, 1) } else { (16, 4) };
        let time = Duration::from_millis(if self.quick { 300 } else { 8_000 });
        let plan = Plan { documents, batch, warm, time };
        let series = interleaved(&mut sides, plan, &mut random);
        row(case, bytes, plan, &sides, &series, left_out)
    }

    /// Where the time of `verify-rsa-…` goes, in medians.
    pub fn stages(&self) -> Vec<Stages> {
        let of = |(name, octets, documents): (&str, usize, usize)| {
            let mut random = Random::new(self.seed);
            let (assertions, signed) =
                assertions(&mut random, documents, octets, Spelling::Japanese, &self.rsa);
            let inputs: Vec<_> = signed.iter().map(|signed| signed.document.clone().into_bytes()).collect();
            let issuers: Vec<&str> = assertions.iter().map(|assertion| assertion.issuer.as_str()).collect();
            let mut sides = own::stages(&self.rsa, &issuers, &inputs);
            sides.push(own::canonical(&inputs));
            sides.push(floor::verify(&self.rsa, &signed));
            let time = Duration::from_millis(if self.quick { 200 } else { 3_000 });
            let plan = Plan { documents, batch: documents / 4, warm: 2, time };
            let medians: Vec<f64> =
                interleaved(&mut sides, plan, &mut random).iter().map(Series::median).collect();
            let [parse, located, all, canonical, floor] = medians[..] else { unreachable!("five sides") };
            Stages {
                name: format!("verify-rsa-{name}"),
                parse_us: parse,
                locate_us: located - parse,
                canonical_us: canonical,
                floor_us: floor,
                rest_us: all - located - canonical - floor,
            }
        };
        let sizes = [("5.4k", USUAL, 64), ("100k", 100 << 10, 16), ("1000k", 1000 << 10, 8)];
        sizes
            .into_iter()
            .filter(|(name, ..)| format!("verify-rsa-{name}").contains(&self.only))
            .map(of)
            .collect()
    }

    /// The first document of the usual size.
    pub fn sample(&self) -> String {
        let mut random = Random::new(self.seed);
        let (_, signed) = assertions(&mut random, 1, USUAL, Spelling::Japanese, &self.rsa);
        signed.into_iter().map(|signed| signed.document).collect()
    }

    fn peers(&self, case: &Case, pair: &KeyPair, inputs: &[Vec<u8>]) -> Vec<Box<dyn Side>> {
        let all = |second: &PathBuf| peers::all(second, case.operation, case.scheme, &pair.keys, inputs);
        self.second_process.as_ref().map(all).unwrap_or_default()
    }

    fn pair(&self, scheme: Scheme) -> &KeyPair {
        match scheme {
            Scheme::Rsa => &self.rsa,
            Scheme::P256 => &self.p256,
        }
    }

    fn verifying(&self, case: &Case, documents: usize, random: &mut Random) -> Prepared {
        let Content::Assertion(size, spelling) = case.content else {
            unreachable!("assertions are verified")
        };
        let pair = self.pair(case.scheme);
        let (assertions, signed) = assertions(random, documents, size, spelling, pair);
        let twins = if documents < 10 { 1 } else { TWINS };
        let mut inputs: Vec<Vec<u8>> =
            signed.iter().map(|signed| signed.document.clone().into_bytes()).collect();
        for in_value in [false, true] {
            inputs.extend(
                signed[..twins].iter().map(|signed| tampered(&signed.document, in_value).into_bytes()),
            );
        }
        let issuers: Vec<&str> = assertions.iter().map(|assertion| assertion.issuer.as_str()).collect();
        let mut sides = vec![own::verify(pair, &issuers, &inputs), floor::verify(pair, &signed)];
        let peers = self.peers(case, pair, &inputs);
        let check = |side: &mut Box<dyn Side>| {
            (0..documents).try_for_each(|index| side.once(index).map(|_| ()))?;
            let twins = if side.name() == "floor" { 0..0 } else { documents..inputs.len() };
            match twins.into_iter().find(|index| side.once(*index).is_ok()) {
                Some(index) => Err(format!("accepts tampered document {index}")),
                None => Ok(()),
            }
        };
        let left_out = admit(&mut sides, peers, check);
        (sides, signed[0].document.len(), left_out)
    }

    fn signing(&self, case: &Case, documents: usize, random: &mut Random) -> Prepared {
        let Content::Assertion(size, spelling) = case.content else { unreachable!("assertions are signed") };
        let pair = self.pair(case.scheme);
        let (assertions, signed) = assertions(random, documents, size, spelling, pair);
        let templates: Vec<_> = assertions
            .iter()
            .map(|assertion| assertion.template(case.scheme, spelling).into_bytes())
            .collect();
        let trust = own::trust(pair, &assertions.iter().map(|a| a.issuer.as_str()).collect::<Vec<_>>());
        let expected: Vec<_> =
            signed.iter().map(|signed| own::receive(signed.document.clone().into_bytes(), &trust)).collect();
        let mut sides = vec![own::sign(pair, assertions), floor::sign(pair)];
        let peers = self.peers(case, pair, &templates);
        let check = |side: &mut Box<dyn Side>| {
            for (index, expected) in expected.iter().enumerate() {
                let document = side.once(index)?;
                if side.name() == "floor" {
                    continue;
                }
                peers::accepted_by_libxmlsec1(&pair.keys, &document)?;
                // What a peer made is read by us as well; so it says what it should.
                if own::receive(document, &trust) != *expected {
                    return Err(format!("document {index} is not what was to be signed"));
                }
            }
            Ok(())
        };
        let left_out = admit(&mut sides, peers, check);
        (sides, signed[0].document.len(), left_out)
    }

    fn sealing(&self, case: &Case, documents: usize, random: &mut Random) -> Prepared {
        let pair = &self.rsa;
        let (expected, plaintexts): (Name, Vec<Vec<u8>>) = match case.content {
            Content::Assertion(size, spelling) => {
                let (_, signed) = assertions(random, documents, size, spelling, pair);
                (ns::SAML.name("Assertion"), signed.into_iter().map(|s| s.document.into_bytes()).collect())
            }
            Content::NameId => (ns::SAML.name("NameID"), name_ids(random, documents)),
        };
        let bytes = plaintexts[0].len();
        let expected_documents: Vec<_> =
            plaintexts.iter().map(|plaintext| own::rewritten(plaintext)).collect();
        let open = own::opener(pair, expected);
        let opened = |sealed: &[u8], index: usize| {
            let opened = open(sealed)?;
            if opened == expected_documents[index] { Ok(()) } else { Err("another plaintext".to_owned()) }
        };
        let mut sealer = own::seal(pair, &plaintexts);
        if case.operation == Operation::Seal {
            let mut sides = vec![sealer, floor::seal(pair, &plaintexts)];
            let peers = self.peers(case, pair, &plaintexts);
            let check = |side: &mut Box<dyn Side>| {
                let needs_opening = side.name() != "floor";
                (0..documents).try_for_each(|index| {
                    let sealed = side.once(index)?;
                    if needs_opening { opened(&sealed, index) } else { Ok(()) }
                })
            };
            let left_out = admit(&mut sides, peers, check);
            return (sides, bytes, left_out);
        }
        let sealed: Vec<_> = (0..documents).map(|index| sealer.once(index).expect("it was sealed")).collect();
        let mut sides = vec![own::open(pair, expected, &sealed), floor::open(pair, &plaintexts)];
        let peers = self.peers(case, pair, &sealed);
        let check = |side: &mut Box<dyn Side>| {
            (0..documents).try_for_each(|index| {
                let found = side.once(index)?;
                let tells = side.name() != own::NAME;
                // Some put an XML declaration before it.
                if tells && !found.windows(plaintexts[index].len()).any(|part| part == plaintexts[index]) {
                    return Err("another plaintext".to_owned());
                }
                opened(&sealed[index], index)
            })
        };
        let left_out = admit(&mut sides, peers, check);
        (sides, bytes, left_out)
    }
}

/// Sides that passed their check, ours and the floor first; octets of a document; peers that did not pass.
type Prepared = (Vec<Box<dyn Side>>, usize, BTreeMap<String, String>);

/// Lets peers in that pass the check. We and the floor have to pass it.
fn admit(
    sides: &mut Vec<Box<dyn Side>>,
    peers: Vec<Box<dyn Side>>,
    check: impl Fn(&mut Box<dyn Side>) -> Result<(), String>,
) -> BTreeMap<String, String> {
    for side in sides.iter_mut() {
        check(side).unwrap_or_else(|error| panic!("{}: {error}", side.name()));
    }
    let mut left_out = BTreeMap::new();
    for mut peer in peers {
        match check(&mut peer) {
            Ok(()) => sides.push(peer),
            Err(error) => {
                left_out.insert(peer.name().to_owned(), error);
            }
        }
    }
    left_out
}

fn assertions(
    random: &mut Random,
    count: usize,
    size: usize,
    spelling: Spelling,
    pair: &KeyPair,
) -> (Vec<Assertion>, Vec<Signed>) {
    let invent = |_| Assertion::invent(random, size, pair.scheme, spelling);
    let assertions: Vec<_> = (0..count).map(invent).collect();
    let signed = assertions.iter().map(|one| one.sign(&pair.private, pair.scheme, spelling)).collect();
    (assertions, signed)
}

fn name_ids(random: &mut Random, count: usize) -> Vec<Vec<u8>> {
    let name_id = |_| {
        format!(
            r#"<saml:NameID xmlns:saml="{}" Format="urn:example:chukei:number" NameQualifier="https://relay-{}.example.jp/saml" SPNameQualifier="https://insurer-{}.example.jp/saml">{}</saml:NameID>"#,
            crate::documents::SAML,
            random.digits(3),
            random.digits(3),
            random.digits(12)
        )
        .into_bytes()
    };
    (0..count).map(name_id).collect()
}

fn row(
    case: &Case,
    bytes: usize,
    plan: Plan,
    sides: &[Box<dyn Side>],
    series: &[Series],
    left_out: BTreeMap<String, String>,
) -> Row {
    let (ours, floor, others) = (&series[0], &series[1], &series[2..]);
    let peers = |figure: fn(&Series) -> f64| -> BTreeMap<String, f64> {
        sides[2..].iter().zip(others).map(|(side, series)| (side.name().to_owned(), figure(series))).collect()
    };
    let best = |figure: fn(&Series) -> f64| others.iter().min_by(|a, b| figure(a).total_cmp(&figure(b)));
    let ratio_floor = ours.minimum() / floor.minimum();
    let ratio_best_peer = best(Series::minimum).map(|best| ours.minimum() / best.minimum());
    let mut goals = Vec::new();
    goals.extend(case.goals.0.map(|goal| Goal::new("× floor", goal, ratio_floor)));
    goals
        .extend(case.goals.1.zip(ratio_best_peer).map(|(goal, ratio)| Goal::new("× best peer", goal, ratio)));
    Row {
        name: case.name.clone(),
        bytes,
        documents: plan.documents,
        batches: ours.0.len(),
        ours_us: ours.minimum(),
        floor_us: floor.minimum(),
        peers: peers(Series::minimum),
        ratio_floor,
        ratio_best_peer,
        median: Medians {
            ours_us: ours.median(),
            floor_us: floor.median(),
            peers: peers(Series::median),
            ratio_floor: ours.over(floor).median(),
            ratio_best_peer: best(Series::median).map(|best| ours.over(best).median()),
        },
        goals,
        left_out,
    }
}

/// How the cost of XML grows from 10 KiB on. "Flat" is taken as: nowhere more than a quarter above that at 10 KiB.
pub fn growth(rows: &[Row]) -> Vec<Growth> {
    let of = |scheme: &str| {
        let row = |size: &str| rows.iter().find(|row| row.name == format!("verify-{scheme}-{size}"));
        let sizes = [10, 100, 1000].map(|kib| row(&format!("{kib}k")).map(|row| (kib, row)));
        let sizes: Vec<(usize, &Row)> = sizes.into_iter().collect::<Option<_>>()?;
        let per_kib = |ours: f64, floor: f64, row: &Row| (ours - floor) / (row.bytes as f64 / 1024.0);
        let us_per_kib: BTreeMap<_, _> =
            sizes.iter().map(|(kib, row)| (*kib, per_kib(row.ours_us, row.floor_us, row))).collect();
        let median = |row: &Row| per_kib(row.median.ours_us, row.median.floor_us, row);
        let median_us_per_kib = sizes.iter().map(|(kib, row)| (*kib, median(row))).collect();
        let most = us_per_kib.values().copied().fold(0.0, f64::max);
        let goal = Goal::new("most / that at 10 KiB", 1.25, most / us_per_kib[&10]);
        Some(Growth { name: format!("xml-work-{scheme}"), us_per_kib, median_us_per_kib, goal })
    };
    ["rsa", "p256"].into_iter().filter_map(of).collect()
}
