//! Messages that are cut off, nested, unfolding or mutated.

use apple::{
    Message,
    commands::ALL,
    plist::{self, Dict, Error, Limits, Value},
    profile,
};
use proptest::prelude::*;

use crate::{commands::samples, support::all_messages};

/// A binary property list whose objects each hold the next one twice.
fn doubling(levels: u8) -> Vec<u8> {
    let mut bytes = b"bplist00".to_vec();
    let mut offsets = Vec::new();
    for level in 0..levels {
        offsets.push(u8::try_from(bytes.len()).unwrap());
        bytes.extend([0xa2, level + 1, level + 1]);
    }
    offsets.push(u8::try_from(bytes.len()).unwrap());
    bytes.extend([0x51, b'x']);
    let table = u8::try_from(bytes.len()).unwrap();
    bytes.extend(&offsets);
    bytes.extend([0; 6]);
    bytes.extend([1, 1]);
    bytes.extend([0, 0, 0, 0, 0, 0, 0, levels + 1]);
    bytes.extend([0; 8]);
    bytes.extend([0, 0, 0, 0, 0, 0, 0, table]);
    bytes
}

#[test]
fn every_message_cut_at_every_byte_is_refused() {
    for (name, xml) in all_messages() {
        let xml = xml.trim_ascii_end();
        for end in 0..xml.len() {
            assert!(Message::parse(&xml[..end]).is_err(), "{name} cut at {end}");
        }
        let value = ::plist::Value::from_reader(std::io::Cursor::new(xml)).unwrap();
        let mut binary = Vec::new();
        value.to_writer_binary(&mut binary).unwrap();
        for end in 0..binary.len() {
            assert!(
                Message::parse(&binary[..end]).is_err(),
                "binary {name} cut at {end}"
            );
        }
    }
}

#[test]
fn every_command_cut_at_every_byte_is_refused() {
    for (name, command) in samples() {
        let bytes = command.encode("UUID");
        let bytes = bytes.trim_ascii_end();
        for end in 0..bytes.len() {
            assert!(
                plist::read_dict(&bytes[..end], Limits::DEFAULT).is_err(),
                "{name} cut at {end}"
            );
        }
    }
}

#[test]
fn deep_nesting_ends_in_an_error() {
    for depth in [65, 8_000, 200_000] {
        let mut xml = String::from("<plist version=\"1.0\">");
        xml.push_str(&"<array>".repeat(depth));
        xml.push_str(&"</array>".repeat(depth));
        xml.push_str("</plist>");
        assert_eq!(
            plist::read(xml.as_bytes(), Limits::DEFAULT),
            Err(Error::TooDeep(64)),
            "{depth}"
        );
    }
    let dicts = format!(
        "<plist>{}{}</plist>",
        "<dict><key>k</key>".repeat(8_000),
        "</dict>".repeat(8_000)
    );
    assert_eq!(
        plist::read(dicts.as_bytes(), Limits::DEFAULT),
        Err(Error::TooDeep(64))
    );
}

#[test]
fn doubling_references_end_in_an_error() {
    let bomb = doubling(25);
    assert!(bomb.len() <= 146, "{}", bomb.len());
    assert!(matches!(
        plist::read(&bomb, Limits::DEFAULT),
        Err(Error::TooMany(_))
    ));
    // The same shape within the limits is an ordinary list.
    assert!(plist::read(&doubling(5), Limits::DEFAULT).is_ok());
}

#[test]
fn a_large_value_referred_to_often_ends_in_an_error() {
    let limits = Limits::with_bytes(4096);
    let mut bytes = b"bplist00".to_vec();
    // An array of 200 references to one datum of 1,000 bytes.
    let array = bytes.len();
    bytes.extend([0xaf, 0x10, 200]);
    bytes.extend([1; 200]);
    let datum = bytes.len();
    bytes.extend([0x4f, 0x11, 0x03, 0xe8]);
    bytes.extend([7; 1000]);
    let table = u16::try_from(bytes.len()).unwrap();
    for offset in [array, datum] {
        bytes.extend(u16::try_from(offset).unwrap().to_be_bytes());
    }
    bytes.extend([0; 6]);
    bytes.extend([2, 1]);
    bytes.extend(2_u64.to_be_bytes());
    bytes.extend(0_u64.to_be_bytes());
    bytes.extend(u64::from(table).to_be_bytes());
    assert!(bytes.len() <= 4096);
    assert_eq!(plist::read(&bytes, limits), Err(Error::TooMuch(4096 * 4)),);
}

#[test]
fn the_size_limit_binds_and_can_be_raised() {
    let value = Value::Data(vec![0; 5 << 20]);
    let bytes = plist::write(&value);
    assert!(matches!(
        plist::read(&bytes, Limits::DEFAULT),
        Err(Error::TooLarge { .. })
    ));
    assert_eq!(plist::read(&bytes, Limits::with_bytes(16 << 20)), Ok(value));
}

#[test]
fn entities_are_not_expanded() {
    let xml = "<!DOCTYPE plist [<!ENTITY a \"AAAAAAAAAA\"><!ENTITY b \"&a;&a;&a;\">]>\
               <plist version=\"1.0\"><dict><key>k</key><string>&b;</string></dict></plist>";
    let read = plist::read_dict(xml.as_bytes(), Limits::DEFAULT);
    assert!(read.is_err() || read.is_ok_and(|dict| dict.string("k").is_none()));
}

#[test]
fn odd_property_lists_are_refused() {
    for xml in [
        "<plist><dict><key>k</key></dict></plist>",
        "<plist><dict><integer>1</integer><string>v</string></dict></plist>",
        "<plist></plist>",
        "<plist><string>a</string><string>b</string></plist>",
        "<plist><dict></array></plist>",
        "<html/>",
        "   ",
    ] {
        assert!(
            plist::read(xml.as_bytes(), Limits::DEFAULT).is_err(),
            "{xml}"
        );
    }
}

#[test]
fn every_command_has_a_sample() {
    assert_eq!(samples().len(), ALL.len());
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Integer),
        (-1e9..1e9_f64).prop_map(Value::Real),
        "[^\u{0}-\u{8}\u{b}\u{c}\u{e}-\u{1f}\u{fffe}\u{ffff}]{0,20}".prop_map(Value::String),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Data),
        (0_i64..4_000_000_000)
            .prop_map(|seconds| Value::Date(domain::Timestamp::from_seconds(seconds))),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::btree_map("[A-Za-z. &<>]{1,12}", inner, 0..6)
                .prop_map(|map| Value::Dict(map.into_iter().collect::<Dict>())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(value in any_value()) {
        let bytes = plist::write(&value);
        prop_assert_eq!(plist::read(&bytes, Limits::DEFAULT), Ok(value.clone()));
        // JSON carries everything too, except that a whole real may return as an integer.
        let json = plist::to_json(&value);
        let back = plist::from_json(&json).unwrap();
        prop_assert_eq!(plist::to_json(&back), json);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut binary = b"bplist00".to_vec();
        binary.extend(&bytes);
        // Only that they return is asked.
        let _ = (plist::read(&binary, Limits::DEFAULT), plist::read(&bytes, Limits::DEFAULT));
    }

    #[test]
    fn no_mutation_panics(pick in any::<prop::sample::Index>(), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let messages = all_messages();
        let (_, mut bytes) = messages[pick.index(messages.len())].clone();
        let at = place.index(bytes.len());
        bytes[at] = byte;
        if let Ok(Message::Report(report)) = Message::parse(&bytes) {
            for (_, command) in samples() {
                let _ = command.observe(&report);
            }
        }
        let _ = profile::summarize(&bytes);
    }
}
