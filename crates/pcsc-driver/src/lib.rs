//! Driver for pcscd (IFD handler of PC/SC lite, version 3): named readers whose cards are processes.
//!
//! A reader is a socket of AF_UNIX: the part of DEVICENAME behind the first colon. A card connects there, is in while the
//! connection is open, and speaks vpcd's frames. pcscd learns at once of a card that comes or goes, and a card that does
//! not answer within five seconds counts as removed. One entry for each reader, in a folder that pcscd gets by `-c`:
//!
//! ```text
//! FRIENDLYNAME "Chukei Patient Card"
//! DEVICENAME   /dev/null:/run/chukei/patient.sock
//! LIBPATH      /usr/lib/chukei/libchukei_pcsc_driver.so
//! CHANNELID    0
//! ```
//!
//! `unsafe` stands in this file alone, for the pointers that pcscd hands over.

mod reader;

use std::collections::BTreeMap;
use std::ffi::{CStr, OsStr, c_char, c_int, c_long, c_uchar, c_ulong};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reader::Reader;

/// A result of the interface (ifdhandler.h).
type Code = c_long;

const SUCCESS: Code = 0;
const ERROR_TAG: Code = 600;
const ERROR_NOT_SUPPORTED: Code = 606;
const PROTOCOL_NOT_SUPPORTED: Code = 607;
const ERROR_POWER_ACTION: Code = 608;
const COMMUNICATION_ERROR: Code = 612;
const NOT_SUPPORTED: Code = 614;
const ICC_PRESENT: Code = 615;
const ICC_NOT_PRESENT: Code = 616;
const NO_SUCH_DEVICE: Code = 617;
const INSUFFICIENT_BUFFER: Code = 618;

const POWER_UP: c_ulong = 500;
const POWER_DOWN: c_ulong = 501;
const POWER_RESET: c_ulong = 502;

const TAG_ATR: c_ulong = 0x0303;
const TAG_THREAD_SAFE: c_ulong = 0x0fad;
const TAG_SLOTS_NUMBER: c_ulong = 0x0fae;
const TAG_SIMULTANEOUS_ACCESS: c_ulong = 0x0faf;
const TAG_POLLING_THREAD_KILLABLE: c_ulong = 0x0fb1;
const TAG_STOP_POLLING_THREAD: c_ulong = 0x0fb2;
const TAG_POLLING_THREAD_WITH_TIMEOUT: c_ulong = 0x0fb3;

/// Readers that one pcscd can have.
const READERS: u8 = 16;
/// T=1.
const PROTOCOL: c_ulong = 1;

/// `SCARD_IO_HEADER`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct IoHeader {
    /// Protocol, from 0.
    pub protocol: c_ulong,
    /// Octets of this header; pcscd does not read it.
    pub length: c_ulong,
}

static OPEN: Mutex<BTreeMap<c_ulong, Arc<Reader>>> = Mutex::new(BTreeMap::new());

fn open() -> MutexGuard<'static, BTreeMap<c_ulong, Arc<Reader>>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn reader(lun: c_ulong) -> Option<Arc<Reader>> {
    open().get(&lun).cloned()
}

/// Opens the reader that DEVICENAME names.
///
/// # Safety
/// `device_name` is null or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHCreateChannelByName(lun: c_ulong, device_name: *const c_char) -> Code {
    if device_name.is_null() {
        return NO_SUCH_DEVICE;
    }
    // SAFETY: not null, and by the interface a C string.
    let name = unsafe { CStr::from_ptr(device_name) }.to_bytes();
    let path = name.splitn(2, |octet| *octet == b':').last().unwrap_or_default();
    match Reader::open(Path::new(OsStr::from_bytes(path))) {
        Ok(reader) => {
            open().insert(lun, Arc::new(reader));
            SUCCESS
        }
        Err(_) => NO_SUCH_DEVICE,
    }
}

/// Readers have names, not channels.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHCreateChannel(_lun: c_ulong, _channel: c_ulong) -> Code {
    NO_SUCH_DEVICE
}

/// Closes a reader.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHCloseChannel(lun: c_ulong) -> Code {
    if open().remove(&lun).is_some() { SUCCESS } else { NO_SUCH_DEVICE }
}

/// Says what reader and driver can do.
///
/// # Safety
/// `length` is null or points to the octets for which there is room at `value`; it gets those written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHGetCapabilities(
    lun: c_ulong,
    tag: c_ulong,
    length: *mut c_ulong,
    value: *mut c_uchar,
) -> Code {
    let wait: extern "C" fn(c_ulong, c_int) -> Code = wait_for_event;
    let stop: extern "C" fn(c_ulong) -> Code = stop_waiting;
    let found = match tag {
        TAG_ATR => reader(lun).map(|reader| reader.atr()).unwrap_or_default(),
        TAG_SIMULTANEOUS_ACCESS => vec![READERS],
        TAG_SLOTS_NUMBER | TAG_THREAD_SAFE => vec![1],
        TAG_POLLING_THREAD_KILLABLE => vec![0],
        TAG_POLLING_THREAD_WITH_TIMEOUT => (wait as usize).to_ne_bytes().to_vec(),
        TAG_STOP_POLLING_THREAD => (stop as usize).to_ne_bytes().to_vec(),
        _ => return ERROR_TAG,
    };
    // SAFETY: as the interface says.
    unsafe { give(&found, value, length) }
}

/// Nothing can be set.
///
/// # Safety
/// `value` is not read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHSetCapabilities(
    _lun: c_ulong,
    _tag: c_ulong,
    _length: c_ulong,
    _value: *const c_uchar,
) -> Code {
    NOT_SUPPORTED
}

/// Cards speak T=1; there is nothing to negotiate.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHSetProtocolParameters(
    _lun: c_ulong,
    protocol: c_ulong,
    _flags: c_uchar,
    _pts1: c_uchar,
    _pts2: c_uchar,
    _pts3: c_uchar,
) -> Code {
    // SCARD_PROTOCOL_T1 is 2 in this one call (ifdhandler.h).
    if protocol == PROTOCOL + 1 { SUCCESS } else { PROTOCOL_NOT_SUPPORTED }
}

/// Moves the power, and gives the answer to reset.
///
/// # Safety
/// `length` is null or points to the octets for which there is room at `atr`; it gets those written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHPowerICC(
    lun: c_ulong,
    action: c_ulong,
    atr: *mut c_uchar,
    length: *mut c_ulong,
) -> Code {
    let Some(reader) = reader(lun) else { return NO_SUCH_DEVICE };
    let answer = match action {
        POWER_UP | POWER_RESET => match reader.power_on(action == POWER_RESET) {
            Ok(answer) => answer,
            Err(_) => return ERROR_POWER_ACTION,
        },
        POWER_DOWN => {
            reader.power_off();
            Vec::new()
        }
        _ => return NOT_SUPPORTED,
    };
    // SAFETY: as the interface says.
    unsafe { give(&answer, atr, length) }
}

/// Carries a command to the card.
///
/// # Safety
/// `command` points to `command_length` octets; `length` is null or points to the octets for which there is room at
/// `answer`, and gets those written; `received` is null or points to a header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHTransmitToICC(
    lun: c_ulong,
    _sent: IoHeader,
    command: *const c_uchar,
    command_length: c_ulong,
    answer: *mut c_uchar,
    length: *mut c_ulong,
    received: *mut IoHeader,
) -> Code {
    let (Some(reader), Ok(command_length)) = (reader(lun), usize::try_from(command_length)) else {
        return NO_SUCH_DEVICE;
    };
    if command.is_null() {
        return COMMUNICATION_ERROR;
    }
    // SAFETY: not null, and by the interface so many octets.
    let command = unsafe { std::slice::from_raw_parts(command, command_length) };
    let given = reader.transmit(command);
    if !received.is_null() {
        // SAFETY: not null, and by the interface a header.
        unsafe { (*received).protocol = PROTOCOL };
    }
    // SAFETY: as the interface says.
    unsafe { give(given.as_deref().unwrap_or_default(), answer, length) }.max(match given {
        Ok(_) => SUCCESS,
        Err(_) => COMMUNICATION_ERROR,
    })
}

/// There is nothing to control.
///
/// # Safety
/// `returned` is null or points to a number, which becomes 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHControl(
    _lun: c_ulong,
    _code: c_ulong,
    _sent: *const c_uchar,
    _sent_length: c_ulong,
    _answer: *mut c_uchar,
    _room: c_ulong,
    returned: *mut c_ulong,
) -> Code {
    if !returned.is_null() {
        // SAFETY: not null, and by the interface a number.
        unsafe { *returned = 0 };
    }
    ERROR_NOT_SUPPORTED
}

/// Says whether a card is in.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHICCPresence(lun: c_ulong) -> Code {
    match reader(lun) {
        Some(reader) if reader.is_present() => ICC_PRESENT,
        Some(_) => ICC_NOT_PRESENT,
        None => NO_SUCH_DEVICE,
    }
}

/// pcscd's thread for events waits here, so many milliseconds at most.
extern "C" fn wait_for_event(lun: c_ulong, timeout: c_int) -> Code {
    let Some(reader) = reader(lun) else { return NO_SUCH_DEVICE };
    reader.wait(Duration::from_millis(u64::try_from(timeout).unwrap_or_default()));
    SUCCESS
}

extern "C" fn stop_waiting(lun: c_ulong) -> Code {
    let Some(reader) = reader(lun) else { return NO_SUCH_DEVICE };
    reader.ring();
    SUCCESS
}

/// Writes octets where there is room for them, and how many they are.
///
/// # Safety
/// `length` is null or points to the octets for which there is room at `to`.
unsafe fn give(octets: &[u8], to: *mut c_uchar, length: *mut c_ulong) -> Code {
    if length.is_null() {
        return COMMUNICATION_ERROR;
    }
    // SAFETY: not null, and by the caller's promise a number.
    let room = unsafe { *length };
    if octets.len() > usize::try_from(room).unwrap_or_default() {
        return INSUFFICIENT_BUFFER;
    }
    // SAFETY: as above; `to` has room for the octets, which overlap with nothing of pcscd's.
    unsafe {
        *length = octets.len() as c_ulong;
        if !to.is_null() {
            std::ptr::copy_nonoverlapping(octets.as_ptr(), to, octets.len());
        }
    }
    SUCCESS
}
