//! Writes every output of the sample run to a folder: `cargo run -p chukei-report --example sample -- DIR`.

#[path = "../tests/sample/mod.rs"]
mod sample;

use std::{error::Error, fs, path::Path};

use chukei_evidence::{Lang, judge};
use chukei_report::Report;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("which folder?")?;
    let folder = Path::new(&folder);
    let transcript = sample::transcript(1);
    let model = judge(&transcript, &sample::registry());
    let catalogue = sample::catalogue();
    let report = Report {
        model: &model,
        transcript: &transcript,
        catalogue: &catalogue,
        bundle: "evidence.chukei",
        sut: "sut.toml",
        measured: None,
    };
    for lang in Lang::ALL {
        let name = |name: &str| folder.join(name.replace('*', lang.tag()));
        fs::write(name("report.*.html"), report.html(lang))?;
        fs::write(name("junit.*.xml"), report.junit(lang))?;
        fs::write(name("results.*.sarif"), report.sarif(lang))?;
        fs::write(name("verdicts.*.csv"), report.csv(lang))?;
        fs::write(name("summary.*.txt"), report.summary(lang))?;
    }
    fs::write(folder.join("report.json"), report.json())?;
    Ok(())
}
