//! What is asked of PostgreSQL, the databases that speak its protocol can do too: a list of what some of them lack, and no
//! statement of the store has any of it.

/// Words of what CockroachDB or YugabyteDB does not have, or has had for a short time only: locks by name and on tables,
/// messages between sessions, code in the database, types and constraints that need an extension, and orders of rows that
/// are the place on one machine's disk.
const LACKING: &[&str] = &[
    "advisory",
    "LOCK TABLE",
    "LISTEN ",
    "NOTIFY ",
    "CREATE TRIGGER",
    "CREATE FUNCTION",
    "CREATE EXTENSION",
    "LANGUAGE ",
    "DO $$",
    "EXCLUDE ",
    "DEFERRABLE",
    "TEMP ",
    "UNLOGGED",
    "WITH HOLD",
    "BINARY CURSOR",
    "ctid",
    "xmin",
    "INHERITS",
    "TABLESPACE",
    "SKIP LOCKED",
    "pg_notify",
    "RANGE ",
];

/// Statements are in texts; comments may speak of anything.
fn lacking(source: &str) -> Vec<(usize, &'static str)> {
    let lines = source.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    let found = |(at, line): (usize, &str)| {
        let line = line.split("--").next().unwrap_or_default().to_owned();
        LACKING.iter().filter(move |word| line.contains(**word)).map(move |word| (at + 1, *word))
    };
    lines.flat_map(found).collect()
}

#[test]
fn no_statement_needs_what_distributed_databases_lack() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let mut files = vec![std::path::PathBuf::from(folder)];
    let mut read = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        let is_for_files = ["schema.rs", "maps.rs"].iter().any(|name| path.ends_with(name));
        if !is_for_files {
            let statements = source.split("#[cfg(test)]").next().unwrap_or_default();
            assert_eq!(lacking(statements), [], "{}", path.display());
            read += usize::from(statements.contains("INSERT INTO"));
        }
    }
    assert!(read > 5, "the statements are elsewhere");
}

#[test]
fn what_is_lacking_is_found() {
    assert_eq!(lacking("connection.batch(\"SELECT pg_advisory_lock(1)\")"), [(1, "advisory")]);
    assert_eq!(lacking("\n  \"CREATE TEMP TABLE a (b INT)\""), [(2, "TEMP ")]);
    // The file's own guards are triggers, which is why the database has keys in their place.
    let guards = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/schema.rs")).unwrap();
    assert!(lacking(&guards).iter().any(|(_, word)| *word == "CREATE TRIGGER"));
    assert_eq!(lacking("// LISTEN to it"), []);
}
