//! A device as a driver sees it, over both transports: the test is the driver.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chukei_card::{Card, LifeCycle, Slot};
use chukei_reader::{Address, Device, OpenSsl, control};

const SELECT: &[u8] = b"\x00\xa4\x04\x0c\x0a\xf0KOKUHOAP1";

fn device() -> Arc<Device> {
    let mut image = chukei_card::named("kokuho-only").unwrap();
    image.state = LifeCycle::Activated;
    Arc::new(Device::new(Slot::with(Card::new(image, &OpenSsl).unwrap())))
}

fn serve(device: &Arc<Device>, address: Address) -> JoinHandle<()> {
    let device = Arc::clone(device);
    thread::spawn(move || device.serve(&address))
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

fn send(stream: &mut dyn Stream, frame: &[u8]) {
    let length = u16::try_from(frame.len()).unwrap().to_be_bytes();
    stream.write_all(&length).unwrap(); // apart, as vpcd does
    stream.write_all(frame).unwrap();
}

/// The next frame, as far as it comes.
fn receive(stream: &mut dyn Stream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut frame = Vec::new();
    stream.take(u16::from_be_bytes(length).into()).read_to_end(&mut frame).unwrap();
    Some(frame)
}

fn ask(stream: &mut dyn Stream, frame: &[u8]) -> Option<Vec<u8>> {
    send(stream, frame);
    receive(stream)
}

fn session(stream: &mut dyn Stream) {
    send(stream, &[1]);
    assert_eq!(ask(stream, &[4]).unwrap()[..2], [0x3b, 0xe0]);
    assert_eq!(ask(stream, SELECT).unwrap(), [0x90, 0]);
    assert_eq!(ask(stream, b"\x00\xa4\x02\x0c\x02\x00\x01").unwrap(), [0x90, 0]);
    send(stream, &[2]);
    assert_eq!(ask(stream, b"\x00\xa4\x02\x0c\x02\x00\x01").unwrap(), [0x69, 0x86], "a reset forgets");
}

#[test]
fn vpcd_gets_its_answers_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let device = device();
    let served = serve(&device, Address::Vpcd(listener.local_addr().unwrap()));
    let mut stream = listener.accept().unwrap().0;
    session(&mut stream);
    let begin = Instant::now();
    for _ in 0..20 {
        ask(&mut stream, SELECT).unwrap();
    }
    // A delayed acknowledgement would make it 40 ms each.
    assert!(begin.elapsed() < Duration::from_millis(400), "{:?}", begin.elapsed());
    device.stop();
    assert_eq!(receive(&mut stream), None);
    served.join().unwrap();
}

#[test]
fn our_driver_sees_the_card_go_and_come() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reader.sock");
    let device = device();
    let served = serve(&device, Address::Driver(path.clone()));
    thread::sleep(Duration::from_millis(50)); // the card is there before the driver
    let listener = UnixListener::bind(&path).unwrap();
    let mut stream = listener.accept().unwrap().0;
    session(&mut stream);
    device.with(Slot::eject);
    assert_eq!(receive(&mut stream), None);
    assert!(device.with(Slot::insert));
    let mut stream = listener.accept().unwrap().0;
    session(&mut stream);

    for (fault, answer) in [("select once half", Some(vec![0x90])), ("select once remove", None)] {
        device.with(|slot| slot.add(fault.parse().unwrap()));
        assert_eq!(ask(&mut stream, SELECT), answer, "{fault}");
        assert_eq!(receive(&mut stream), None);
        device.with(Slot::insert);
        stream = listener.accept().unwrap().0;
    }
    device.with(|slot| slot.add("power once dead".parse().unwrap()));
    send(&mut stream, &[1]);
    assert_eq!(ask(&mut stream, &[4]), Some(vec![]), "a dead chip has no answer to reset");
    device.stop();
    served.join().unwrap();
}

#[test]
fn a_device_is_moved_by_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let device = device();
    control::listen(&device, &path, Arc::new(|why| why.to_string())).unwrap();
    let mut lines = UnixStream::connect(&path).unwrap();
    let mut answers = BufReader::new(lines.try_clone().unwrap()).lines();
    let saved = folder.path().join("card.toml").display().to_string();
    for (line, answer) in [
        ("state", "ok in kokuho-only activated faults=0"),
        ("insert", "no script.card-is-in"),
        ("eject", "ok"),
        ("state", "ok out kokuho-only activated faults=0"),
        ("fault sign mute", "ok"),
        ("save", "no 1:5: script.file"),
        ("state", "ok out kokuho-only activated faults=1"),
        ("clear", "ok"),
        (&format!("save {saved}"), "ok"),
        (&format!("insert {saved}"), "ok"),
        ("advance suspended", "ok"),
        ("advance manufactured", "no script.cannot-become manufactured"),
        ("state", "ok in kokuho-only suspended faults=0"),
        ("stop", "ok"),
    ] {
        writeln!(lines, "{line}").unwrap();
        assert_eq!(answers.next().unwrap().unwrap(), answer, "{line}");
    }
    assert!(device.is_over());
}
