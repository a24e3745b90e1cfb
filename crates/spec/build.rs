//! Embeds `spec/`: its sentences, profiles and the digest of its index. A fault in a chapter fails the build.

#[path = "src/lock.rs"]
#[allow(dead_code, unreachable_pub, reason = "a module of the library, used here too")]
mod lock;
#[path = "src/model.rs"]
#[allow(dead_code, unreachable_pub, reason = "a module of the library, used here too")]
mod model;
#[path = "src/parse.rs"]
#[allow(dead_code, unreachable_pub, reason = "a module of the library, used here too")]
mod parse;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::Path,
};

use parse::Parsed;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Profile {
    name: String,
    ja: String,
    en: String,
    roles: Vec<String>,
    /// Sentences of those roles that this profile does not claim, and why.
    #[serde(default)]
    except: BTreeMap<String, Except>,
    /// Sentences of other roles that it claims beside them, and why.
    #[serde(default)]
    beside: BTreeMap<String, Except>,
    /// Sentences that only products with the feature claim.
    #[serde(default)]
    features: BTreeMap<String, Feature>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Except {
    sentences: Vec<String>,
    #[allow(dead_code, reason = "for readers of the file; its presence is what counts")]
    ja: String,
    #[allow(dead_code, reason = "for readers of the file; its presence is what counts")]
    en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Feature {
    sentences: Vec<String>,
    ja: String,
    en: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let spec = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../spec");
    // A folder here watches every file in it, also one that is still to come.
    println!("cargo::rerun-if-changed={}", spec.display());
    println!("cargo::rerun-if-changed=src");
    let (sentences, faults) = parse::folder(&spec)?;
    if !faults.is_empty() {
        return Err(faults.join("\n").into());
    }
    let mut out = String::new();
    writeln!(out, "pub(crate) static SENTENCES: [Sentence; {}] = [", sentences.len())?;
    for sentence in &sentences {
        write_sentence(&mut out, sentence)?;
    }
    writeln!(out, "];")?;
    let mut profiles = Vec::new();
    for path in sorted(&spec.join("profiles"))? {
        let profile: Profile = toml::from_str(&fs::read_to_string(&path)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        profiles.push(profile_source(&profile, &sentences).map_err(|e| format!("{}: {e}", path.display()))?);
    }
    writeln!(out, "pub(crate) static PROFILES: [Profile; {}] = [{}];", profiles.len(), profiles.join(",\n"))?;
    writeln!(out, "pub(crate) const DIGEST: &str = {:?};", lock::digest(&lock::lock(&sentences)))?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("index.rs"), out)?;
    Ok(())
}

fn sorted(folder: &Path) -> Result<Vec<std::path::PathBuf>, Box<dyn Error>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut paths =
        fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    Ok(paths)
}

fn write_sentence(out: &mut String, sentence: &Parsed) -> Result<(), Box<dyn Error>> {
    let Parsed { id, role, level, ja, en, chapter, line, untestable, by_vectors } = sentence;
    let untestable = untestable.as_ref().map_or_else(
        || "None".to_owned(),
        |u| {
            let (ja, en, evidence, owner) = (&u.ja, &u.en, u.evidence, &u.owner);
            format!(
                "Some(Untestable {{ ja: {ja:?}, en: {en:?}, evidence: Substitute::{evidence:?}, owner: {owner:?} }})"
            )
        },
    );
    writeln!(
        out,
        "Sentence {{ id: {id:?}, role: Role::{role:?}, level: Level::{level:?}, ja: {ja:?}, en: {en:?}, \
         chapter: {chapter:?}, line: {line}, untestable: {untestable}, by_vectors: {by_vectors:?} }},"
    )?;
    Ok(())
}

fn profile_source(profile: &Profile, sentences: &[Parsed]) -> Result<String, Box<dyn Error>> {
    let known: BTreeMap<&str, &Parsed> = sentences.iter().map(|s| (s.id.as_str(), s)).collect();
    let mut roles = Vec::new();
    for role in &profile.roles {
        roles.push(model::Role::from_name(role).ok_or_else(|| format!("{role} is no role"))?);
    }
    let mut apart = BTreeSet::new();
    let excepted = profile.except.values().flat_map(|except| &except.sentences);
    for id in excepted.chain(profile.features.values().flat_map(|feature| &feature.sentences)) {
        let sentence = known.get(id.as_str()).ok_or_else(|| format!("{id} is no sentence"))?;
        if !roles.contains(&sentence.role) {
            return Err(format!("{id} binds {}, which is not of this profile", sentence.role.name()).into());
        }
        if !apart.insert(id.as_str()) {
            return Err(format!("{id} is named twice").into());
        }
    }
    let mut beside = BTreeSet::new();
    for id in profile.beside.values().flat_map(|beside| &beside.sentences) {
        let sentence = known.get(id.as_str()).ok_or_else(|| format!("{id} is no sentence"))?;
        if roles.contains(&sentence.role) {
            return Err(format!("{id} binds {}, which is of this profile", sentence.role.name()).into());
        }
        if !beside.insert(id.as_str()) {
            return Err(format!("{id} is named twice").into());
        }
    }
    let is_own = |s: &Parsed| roles.contains(&s.role) && !apart.contains(s.id.as_str());
    let claimed: Vec<&str> = sentences
        .iter()
        .filter(|s| is_own(s) || beside.contains(s.id.as_str()))
        .map(|s| s.id.as_str())
        .collect();
    let mut features = String::new();
    for (name, Feature { sentences, ja, en }) in &profile.features {
        write!(
            features,
            "Feature {{ name: {name:?}, ja: {ja:?}, en: {en:?}, sentences: &{sentences:?} }}, "
        )?;
    }
    let roles: Vec<String> = roles.iter().map(|role| format!("Role::{role:?}")).collect();
    let Profile { name, ja, en, .. } = profile;
    Ok(format!(
        "Profile {{ name: {name:?}, ja: {ja:?}, en: {en:?}, roles: &[{}], sentences: &{claimed:?}, features: &[{features}] }}",
        roles.join(", ")
    ))
}
