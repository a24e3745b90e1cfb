//! The ZIP archive around a bundle's files: stored, fixed times, one way to write it.

use std::io::{Cursor, Read as _, Write as _};

use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter, write::SimpleFileOptions};

/// Writes the files in the order given.
pub(super) fn write(files: &[(&str, &[u8])]) -> Result<Vec<u8>, String> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive.start_file(*name, options).map_err(|error| error.to_string())?;
        archive.write_all(bytes).map_err(|error| error.to_string())?;
    }
    Ok(archive.finish().map_err(|error| error.to_string())?.into_inner())
}

/// Reads every file. Entries that are not stored, or are longer than the archive, are refused before they are read.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let file = archive.by_index(index).map_err(|error| error.to_string())?;
        let name = file.name().to_owned();
        if file.compression() != CompressionMethod::Stored || file.size() > length {
            return Err(format!("{name:?} is not stored as it is"));
        }
        let mut content = Vec::new();
        file.take(length).read_to_end(&mut content).map_err(|error| format!("{name}: {error}"))?;
        files.push((name, content));
    }
    Ok(files)
}
