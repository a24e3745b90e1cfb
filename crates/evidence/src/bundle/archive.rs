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

/// Reads every file. Entries that are not stored, or are together longer than the archive, are refused before they are read.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let mut left = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let file = archive.by_index(index).map_err(|error| error.to_string())?;
        let name = file.name().to_owned();
        let size = file.size();
        let rest = left.checked_sub(size).filter(|_| file.compression() == CompressionMethod::Stored);
        left = rest.ok_or_else(|| format!("{name:?} is not stored as it is"))?;
        let mut content = Vec::new();
        file.take(size).read_to_end(&mut content).map_err(|error| format!("{name}: {error}"))?;
        files.push((name, content));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_share_their_octets_are_not_read() {
        let files = [("a", &[7_u8; 4000][..]), ("b", &[7; 4000])];
        let sound = write(&files).unwrap();
        assert_eq!(read(&sound).unwrap().len(), 2);
        // The second entry of the directory points to the content of the first.
        let mut bomb = write(&files[..1]).unwrap();
        let directory = bomb.len() - 22 - 47;
        let entry = bomb[directory..directory + 47].to_vec();
        assert!(entry.starts_with(b"PK\x01\x02"));
        let end = bomb.split_off(directory + 47);
        bomb.extend(&entry[..46]);
        bomb.push(b'c');
        let mut end = end;
        end[8..12].copy_from_slice(&[2, 0, 2, 0]);
        end[12..16].copy_from_slice(&94_u32.to_le_bytes());
        bomb.extend(end);
        assert_eq!(read(&bomb).unwrap_err(), "\"c\" is not stored as it is");
    }
}
