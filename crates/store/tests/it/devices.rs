//! Devices and their list.

use domain::{DeviceState, OsVersion, Ownership, Platform, UnitId};
use store::{
    Device, DeviceFilter, DeviceList, DeviceOrder, DeviceSort, Devices, Enrollments, Seen,
    SortValue, StoreError, Unit, Units, testing::TestDb,
};

use crate::fixtures::{at, device, device_id, enrolled, enrollment_id, is_unique_violation};

pub async fn a_device_comes_back_as_it_went(test: TestDb) {
    let mut device = device(1);
    device.lost_mode = true;
    device.last_seen_at = Some(at(5));
    let (sent, id) = (device.clone(), device.id);
    write!(test.db, tx => tx.insert_device(&sent).await).unwrap();
    let (by_id, by_udid, by_serial, unknown) = read!(test.db, tx => Ok((
        tx.device(id).await?,
        tx.device_by_udid(&[Platform::Ios, Platform::Macos], "00008103-0000000000000001").await?,
        tx.devices_by_serial("C02X0001").await?,
        tx.device_by_udid(&[Platform::Ios], "00008103-0000000000000001").await?,
    )))
    .unwrap();
    assert_eq!(by_id.as_ref(), Some(&device));
    assert_eq!(by_udid.as_ref(), Some(&device));
    assert_eq!(by_serial, [device]);
    assert_eq!(unknown, None);
}

pub async fn an_update_needs_the_present_version(test: TestDb) {
    let mut known = device(1);
    let sent = known.clone();
    write!(test.db, tx => tx.insert_device(&sent).await).unwrap();
    known.name = "Renamed".into();
    known.os_version = OsVersion::new("26.2");
    let stale = known.clone();
    let first = write!(test.db, tx => tx.update_device(&stale).await).unwrap();
    assert_eq!(first, Some(2));
    let stale = known.clone();
    let second = write!(test.db, tx => tx.update_device(&stale).await).unwrap();
    assert_eq!(second, None, "the version had moved on");
    let now = write!(test.db, tx => tx.lock_device(device_id(1)).await)
        .unwrap()
        .unwrap();
    assert_eq!(
        now,
        Device {
            version: 2,
            ..known
        }
    );
}

pub async fn a_udid_is_unique_where_it_is_known(test: TestDb) {
    write!(test.db, tx => {
        for n in 1..=2 {
            tx.insert_device(&Device { udid: String::new(), ..device(n) }).await?;
        }
        tx.insert_device(&device(3)).await
    })
    .unwrap();
    let same = Device {
        id: device_id(4),
        ..device(3)
    };
    let result = write!(test.db, tx => tx.insert_device(&same).await);
    assert!(is_unique_violation(&result), "{result:?}");
}

/// Devices with many equal and odd sort values.
fn zoo() -> Vec<Device> {
    let names = ["ant", "Ant", "Zebra", "élan", "", "bee"];
    let versions = ["26.1", "18.10", "18.2", "9.3", ""];
    (0..50_u64)
        .map(|n| Device {
            name: names[(n % 6) as usize].into(),
            model: format!("iPhone{},1", n % 4),
            os_version: OsVersion::new(versions[(n % 5) as usize]),
            last_seen_at: (n % 3 != 0).then(|| at(1_000 * (n as i64 % 7 + 1))),
            enrolled_at: (n % 4 != 0).then(|| at(1_000 * (n as i64 % 5 + 1))),
            ..device(n)
        })
        .collect()
}

pub async fn pages_in_every_order_hold_every_device_once(test: TestDb) {
    let devices = zoo();
    let sent = devices.clone();
    write!(test.db, tx => {
        for device in &sent {
            tx.insert_device(device).await?;
        }
        Ok(())
    })
    .unwrap();
    for sort in DeviceSort::ALL {
        for descending in [false, true] {
            let order = DeviceOrder { sort, descending };
            let key = |device: &Device| {
                let text = match sort {
                    DeviceSort::Name => device.name.to_lowercase(),
                    DeviceSort::Serial => device.serial.clone(),
                    DeviceSort::Model => device.model.clone(),
                    DeviceSort::OsVersion => device.os_version.sort_key(),
                    DeviceSort::LastSeen => {
                        format!("{:09}", device.last_seen_at.unwrap_or_default().millis())
                    }
                    DeviceSort::EnrolledAt => {
                        format!("{:09}", device.enrolled_at.unwrap_or_default().millis())
                    }
                };
                (text, device.id)
            };
            let mut expected = devices.clone();
            expected.sort_by_key(key);
            if descending {
                expected.reverse();
            }
            let (mut listed, mut after) = (Vec::new(), None);
            loop {
                let cursor = after.take();
                let page = read!(test.db, tx => {
                    tx.list_devices(&DeviceFilter::default(), order, cursor.as_ref(), 7).await
                })
                .unwrap();
                listed.extend(page.devices);
                match page.next {
                    Some(next) => {
                        let text = serde_json::to_string(&next).unwrap();
                        assert_eq!(
                            serde_json::from_str::<store::DeviceCursor>(&text).unwrap(),
                            next
                        );
                        after = Some(next);
                    }
                    None => break,
                }
            }
            assert_eq!(listed, expected, "{order:?}");
        }
    }
    let by_name = DeviceOrder {
        sort: DeviceSort::Name,
        descending: false,
    };
    let wrong = store::DeviceCursor {
        order: by_name,
        value: SortValue::Time(at(1)),
        id: device_id(1),
    };
    let result = read!(test.db, tx => tx.list_devices(&DeviceFilter::default(), by_name, Some(&wrong), 7).await);
    assert!(matches!(result, Err(StoreError::Invalid(_))), "{result:?}");
}

pub async fn each_filter_holds(test: TestDb) {
    let unit = UnitId::new(at(1), [9; 10]);
    write!(test.db, tx => {
        tx.insert_unit(&Unit { id: unit, parent_id: None, name: "Ministry".into(), created_at: at(1) }).await?;
        for n in 0..10 {
            tx.insert_device(&Device {
                platform: if n == 1 { Platform::Ios } else { Platform::Macos },
                ownership: if n == 2 { Ownership::Personal } else { Ownership::Corporate },
                state: if n == 3 { DeviceState::Wiped } else { DeviceState::Enrolled },
                supervised: n != 4,
                unit_id: (n == 5).then_some(unit),
                os_version: OsVersion::new(if n == 6 { "18.1" } else { "26.1" }),
                last_seen_at: Some(at(if n == 7 { 9_000 } else { 5_000 })),
                name: if n == 8 { "100%_Émile's!".into() } else { format!("Mac {n}") },
                ..device(n)
            })
            .await?;
        }
        Ok(())
    })
    .unwrap();
    let none = DeviceFilter::default();
    for (filter, expected) in [
        (
            DeviceFilter {
                platform: Some(Platform::Ios),
                ..none.clone()
            },
            vec![1],
        ),
        (
            DeviceFilter {
                ownership: Some(Ownership::Personal),
                ..none.clone()
            },
            vec![2],
        ),
        (
            DeviceFilter {
                state: Some(DeviceState::Wiped),
                ..none.clone()
            },
            vec![3],
        ),
        (
            DeviceFilter {
                supervised: Some(false),
                ..none.clone()
            },
            vec![4],
        ),
        (
            DeviceFilter {
                unit_id: Some(unit),
                ..none.clone()
            },
            vec![5],
        ),
        (
            DeviceFilter {
                os_version: Some("18.1".into()),
                ..none.clone()
            },
            vec![6],
        ),
        (
            DeviceFilter {
                seen_after: Some(at(9_000)),
                ..none.clone()
            },
            vec![7],
        ),
        (
            DeviceFilter {
                seen_before: Some(at(5_000)),
                ..none.clone()
            },
            vec![],
        ),
        (
            DeviceFilter {
                search: Some("%_émile's!".into()),
                ..none.clone()
            },
            vec![8],
        ),
        (
            DeviceFilter {
                search: Some("%".into()),
                ..none.clone()
            },
            vec![8],
        ),
        (
            DeviceFilter {
                search: Some("c02x0009".into()),
                ..none.clone()
            },
            vec![9],
        ),
        (
            DeviceFilter {
                search: Some("PERSON0".into()),
                platform: Some(Platform::Macos),
                ..none.clone()
            },
            vec![0],
        ),
        (
            DeviceFilter {
                search: Some("  ".into()),
                platform: Some(Platform::Ios),
                ..none.clone()
            },
            vec![1],
        ),
    ] {
        let order = DeviceOrder {
            sort: DeviceSort::Serial,
            descending: false,
        };
        let asked = filter.clone();
        let (page, count) = read!(test.db, tx => Ok((
            tx.list_devices(&asked, order, None, 20).await?,
            tx.count_devices(&asked, 100).await?,
        )))
        .unwrap();
        let found: Vec<_> = page.devices.iter().map(|device| device.id).collect();
        let expected: Vec<_> = expected.into_iter().map(device_id).collect();
        assert_eq!(
            (found, count),
            (expected.clone(), expected.len() as i64),
            "{filter:?}"
        );
        assert_eq!(page.next, None);
    }
    let capped = read!(test.db, tx => tx.count_devices(&DeviceFilter::default(), 4).await).unwrap();
    assert_eq!(capped, 4);
}

pub async fn counts_tell_platform_state_and_ownership(test: TestDb) {
    enrolled(&test.db, 1).await;
    enrolled(&test.db, 2).await;
    write!(test.db, tx => {
        tx.insert_device(&Device { state: DeviceState::Wiped, ..device(3) }).await?;
        let seen = Seen { enrollment_id: enrollment_id(1), device_id: device_id(1), at: at(8_000) };
        tx.flush_last_seen(&[seen]).await
    })
    .unwrap();
    let (counts, versions, unseen) = read!(test.db, tx => Ok((
        tx.device_counts().await?,
        tx.version_counts(10).await?,
        tx.count_not_seen_since(at(8_000)).await?,
    )))
    .unwrap();
    let counts: Vec<_> = counts
        .iter()
        .map(|count| (count.state, count.count))
        .collect();
    assert_eq!(
        counts,
        [(DeviceState::Enrolled, 2), (DeviceState::Wiped, 1)]
    );
    assert_eq!((versions.len(), versions[0].count), (1, 2));
    assert_eq!(unseen, 1);
}
