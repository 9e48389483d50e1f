//! What a device is: model, serial number, operating system. Made from a seed.

use crate::Random;

/// A family of Apple devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A phone with iOS.
    IPhone,
    /// A tablet with iPadOS.
    IPad,
    /// A computer with macOS.
    Mac,
    /// A set-top box with tvOS.
    AppleTv,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::IPhone, Self::IPad, Self::Mac, Self::AppleTv];

    /// True for iPhone and iPad.
    #[must_use]
    pub const fn is_mobile(self) -> bool {
        matches!(self, Self::IPhone | Self::IPad)
    }

    /// The operating system's name as status reports spell it.
    #[must_use]
    pub const fn os_family(self) -> &'static str {
        match self {
            Self::IPhone => "iOS",
            Self::IPad => "iPadOS",
            Self::Mac => "macOS",
            Self::AppleTv => "tvOS",
        }
    }
}

/// The facts of one device that no command changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Hardware {
    /// The family.
    pub kind: Kind,
    /// For example `iPhone16,2`.
    pub product_name: String,
    /// For example `iPhone 15 Pro Max`.
    pub model_name: String,
    /// The order number, for example `MU7A3ZD`.
    pub model: String,
    /// Twelve letters and digits.
    pub serial_number: String,
    /// `00008120-001A2D3C4E5F6789` on mobile devices, a UUID on Macs.
    pub udid: String,
    /// The owner's name for it.
    pub device_name: String,
    /// For example `18.6.2`; some are old.
    pub os_version: String,
    /// For example `22G100`.
    pub build_version: String,
    /// Capacity in units of 10^9 bytes.
    pub capacity: f64,
    /// Free space in the same unit.
    pub available: f64,
    /// 0 to 1.
    pub battery_level: f64,
    /// Wi-Fi hardware address.
    pub wifi_mac: String,
    /// Bluetooth hardware address.
    pub bluetooth_mac: String,
    /// International mobile equipment identity: phones, and tablets with a modem.
    pub imei: Option<String>,
    /// True when an organization supervises the device.
    pub supervised: bool,
}

/// Product, model name, order number prefix.
type Model = (&'static str, &'static str, &'static str);

const PHONES: [Model; 6] = [
    ("iPhone12,1", "iPhone 11", "MHDA"),
    ("iPhone14,5", "iPhone 13", "MLPF"),
    ("iPhone14,6", "iPhone SE (3rd generation)", "MMXF"),
    ("iPhone15,4", "iPhone 15", "MTP0"),
    ("iPhone16,2", "iPhone 15 Pro Max", "MU7A"),
    ("iPhone17,3", "iPhone 16", "MYE7"),
];
const TABLETS: [Model; 4] = [
    ("iPad12,1", "iPad (9th generation)", "MK2K"),
    ("iPad13,16", "iPad Air (5th generation)", "MM9C"),
    ("iPad13,18", "iPad (10th generation)", "MPQ0"),
    ("iPad14,3", "iPad Pro (11-inch) (4th generation)", "MNXD"),
];
const MACS: [Model; 5] = [
    ("MacBookAir10,1", "MacBook Air (M1, 2020)", "MGN6"),
    ("Mac14,2", "MacBook Air (M2, 2022)", "MLXW"),
    ("Mac14,12", "Mac mini (2023)", "MNH7"),
    ("Mac15,6", "MacBook Pro (14-inch, 2023)", "MRX6"),
    ("Mac16,1", "MacBook Pro (14-inch, 2024)", "MW2U"),
];
const BOXES: [Model; 2] = [
    ("AppleTV11,1", "Apple TV 4K (2nd generation)", "MXGY"),
    ("AppleTV14,1", "Apple TV 4K (3rd generation)", "MN87"),
];
const MOBILE_OS: [(&str, &str); 7] = [
    ("16.7.10", "20H350"),
    ("17.6.1", "21G93"),
    ("17.7.2", "21H221"),
    ("18.1", "22B83"),
    ("18.6.2", "22G100"),
    ("26.0.1", "23A355"),
    ("26.1", "23B85"),
];
const MAC_OS: [(&str, &str); 6] = [
    ("13.7.8", "22H730"),
    ("14.6.1", "23G93"),
    ("14.8.2", "23J126"),
    ("15.7.1", "24G231"),
    ("26.0.1", "25A362"),
    ("26.1", "25B78"),
];
const TV_OS: [(&str, &str); 3] = [("17.6.1", "21M80"), ("18.6", "22M84"), ("26.1", "23J582")];
const OWNERS: [&str; 16] = [
    "Ada", "Bilal", "Chiara", "Dmitri", "Esther", "Farah", "Gwen", "Hugo", "Ines", "Jun", "Kofi",
    "Lena", "Mo", "Nadia", "Owen", "Priya",
];

impl Hardware {
    /// The device that `seed` stands for.
    #[must_use]
    pub fn from_seed(kind: Kind, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let random = &mut random;
        let ((product, name, order), (os, build)) = match kind {
            Kind::IPhone => (*random.pick(&PHONES), *random.pick(&MOBILE_OS)),
            Kind::IPad => (*random.pick(&TABLETS), *random.pick(&MOBILE_OS)),
            Kind::Mac => (*random.pick(&MACS), *random.pick(&MAC_OS)),
            Kind::AppleTv => (*random.pick(&BOXES), *random.pick(&TV_OS)),
        };
        let capacity = *random.pick(&[64.0, 128.0, 256.0, 512.0]);
        let cellular = kind == Kind::IPhone || (kind == Kind::IPad && random.chance(0.3));
        let udid = match kind {
            Kind::Mac => random.uuid(),
            _ => {
                let digits = hex::encode_upper(random.bytes::<8>());
                format!(
                    "0000{}-{digits}",
                    random.pick(&["8110", "8120", "8130", "8103"])
                )
            }
        };
        Self {
            kind,
            product_name: product.into(),
            model_name: name.into(),
            model: format!("{order}{}ZD/A", random.below(10)),
            serial_number: serial(random),
            udid,
            device_name: format!(
                "{}'s {}",
                random.pick(&OWNERS),
                name.split(" (").next().unwrap_or(name)
            ),
            os_version: os.into(),
            build_version: build.into(),
            capacity,
            available: (capacity * (0.1 + 0.8 * random.below(1000) as f64 / 1000.0) * 100.0)
                .round()
                / 100.0,
            battery_level: (20 + random.below(81)) as f64 / 100.0,
            wifi_mac: hardware_address(random),
            bluetooth_mac: hardware_address(random),
            imei: cellular.then(|| imei(random)),
            supervised: random.chance(0.6),
        }
    }

    /// True when the operating system is at least `major.minor`.
    #[must_use]
    pub fn os_at_least(&self, major: u32, minor: u32) -> bool {
        let mut parts = self
            .os_version
            .split('.')
            .map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (major, minor)
    }
}

/// Twelve characters from the alphabet Apple uses (no I, O, B, S, Z at risk of confusion).
fn serial(random: &mut Random) -> String {
    const LETTERS: &[u8] = b"CDFGHJKLMNPQRTVWXY0123456789";
    let mut out = String::from(*random.pick(&["F", "G", "C", "D"]));
    out.extend((0..11).map(|_| char::from(*random.pick(LETTERS))));
    out
}

fn hardware_address(random: &mut Random) -> String {
    let mut bytes: [u8; 6] = random.bytes();
    bytes[0] = (bytes[0] & 0xfc) | 0x02;
    bytes.map(|byte| format!("{byte:02x}")).join(":")
}

/// Fourteen digits of the test range `00-...` and the Luhn check digit.
fn imei(random: &mut Random) -> String {
    let mut digits: Vec<u32> = vec![0, 0, 4, 4, 0, 1];
    digits.extend((0..8).map(|_| random.below(10) as u32));
    let sum: u32 = digits
        .iter()
        .enumerate()
        .map(|(at, digit)| {
            if at % 2 == 1 {
                digit * 2 / 10 + digit * 2 % 10
            } else {
                *digit
            }
        })
        .sum();
    digits.push((10 - sum % 10) % 10);
    digits.iter().map(u32::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_is_the_same_device_and_another_seed_another() {
        for kind in Kind::ALL {
            assert_eq!(Hardware::from_seed(kind, 3), Hardware::from_seed(kind, 3));
            assert_ne!(
                Hardware::from_seed(kind, 3).udid,
                Hardware::from_seed(kind, 4).udid
            );
            assert_ne!(
                Hardware::from_seed(kind, 3).serial_number,
                Hardware::from_seed(kind, 4).serial_number
            );
        }
    }

    #[test]
    fn equipment_identities_pass_the_luhn_check() {
        for seed in 0..50 {
            let imei = Hardware::from_seed(Kind::IPhone, seed)
                .imei
                .unwrap_or_default();
            let sum: u32 = imei
                .chars()
                .rev()
                .enumerate()
                .map(|(at, c)| {
                    let d = c.to_digit(10).unwrap_or(99);
                    if at % 2 == 1 {
                        d * 2 / 10 + d * 2 % 10
                    } else {
                        d
                    }
                })
                .sum();
            assert_eq!((imei.len(), sum % 10), (15, 0), "{imei}");
        }
    }

    #[test]
    fn versions_compare_by_number() {
        let mut hardware = Hardware::from_seed(Kind::Mac, 1);
        hardware.os_version = "9.10".into();
        assert!(
            hardware.os_at_least(9, 9)
                && hardware.os_at_least(9, 10)
                && !hardware.os_at_least(10, 0)
        );
    }
}
